import Execution
import ModelGraph
import StrictJSON

/// How two models stand to each other: tensors by name, and the files that travel with both.
public struct ModelDifference: Sendable {
    /// Tensors of one name, in the order of the first model.
    public let tensors: [TensorDifference]
    /// Names of tensors that the second model does not have.
    public let onlyInFirst: [String]
    /// Names of tensors that the first model does not have.
    public let onlyInSecond: [String]
    /// Files of one name and other bytes.
    public let differentFiles: [String]
    /// Files that only one of them has, which is a matter of the formats as often as of the models.
    public let filesInFirst: [String]
    /// The same of the second model.
    public let filesInSecond: [String]

    /// Each thread has one pair of tensors in memory.
    init(_ a: TensorGraph, _ b: TensorGraph, _ execution: ExecutionContext) throws {
        let common = a.tensors.filter { b.contains($0.name) }
        onlyInFirst = a.tensors.map(\.name).filter { !b.contains($0) }
        onlyInSecond = b.tensors.map(\.name).filter { !a.contains($0) }
        differentFiles = a.attachments.filter { file in b.attachment(file.name).map { !$0.saysTheSame(as: file) } ?? false }.map(\.name)
        filesInFirst = a.attachments.map(\.name).filter { b.attachment($0) == nil }
        filesInSecond = b.attachments.map(\.name).filter { a.attachment($0) == nil }
        execution.progress.begin("comparing", total: common.count, unit: "tensors")
        defer { execution.progress.end() }
        let pairs = common.map { TensorDifference.reading($0, b[$0.name] ?? $0) }
        tensors = try execution.mapReading(pairs) { index, _ in
            defer { execution.progress.advance(by: 1, remark: common[index].name) }
            guard let other = b[common[index].name] else { throw GraphError.inconsistent("tensor '\(common[index].name)'", "is gone") }
            return try TensorDifference(common[index], other)
        }
    }

    /// ‖a − b‖ / ‖a‖ over all tensors of both.
    public var relativeFrobeniusError: Double {
        TensorDifference.relative(tensors.reduce(0) { $0 + $1.squaredError }, tensors.reduce(0) { $0 + $1.squaredNorm })
    }

    /// The largest |a − b| over all tensors of both.
    public var largest: Double { tensors.map(\.largest).max() ?? 0 }

    /// Tensors that are not the same; with a tolerance those that have another shape, other bytes, or a larger error.
    public func differing(tolerance: Double?) -> [TensorDifference] {
        tensors.filter { tensor in
            guard let tolerance else { return tensor.outcome != .equal }
            switch tensor.outcome {
            case .equal: return false
            case .otherShape, .otherBytes: return true
            case .otherDType, .otherValues: return !(tensor.relativeFrobeniusError <= tolerance)
            }
        }
    }

    /// Whether nothing differs, as `differing` understands it, tensors and files that only one has included.
    public func isSame(tolerance: Double?) -> Bool {
        differing(tolerance: tolerance).isEmpty && onlyInFirst.isEmpty && onlyInSecond.isEmpty && differentFiles.isEmpty
    }
}

extension Attachment {
    /// Whether two files of one name are equal, the dtype in config.json left out: that is the tensors' own, which are compared.
    fileprivate func saysTheSame(as other: Attachment) -> Bool {
        if bytes == other.bytes { return true }
        guard name == "config.json" else { return false }
        func rest(_ text: [UInt8]) throws -> [UInt8] { try JSONText.removing("dtype", from: JSONText.removing("torch_dtype", from: text)) }
        guard let ours = try? rest(bytes), let theirs = try? rest(other.bytes) else { return false }
        return ours == theirs
    }
}
