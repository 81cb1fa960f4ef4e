import CCapletPlugin
import LinearAlgebra
import ModelGraph
import PassKit
import Synchronization

/// Collects what a plugin's pass makes of one matrix, and refuses what breaks a rule of the interface.
final class PluginParts {
    struct Fault: Error, CustomStringConvertible { let description: String }

    private struct Collected {
        var dense: Matrix?
        var lowRank: (u: Matrix, v: Matrix)?
        var sparse: Matrix?
        var measurements: [Measurement] = []
        var fault: String?
    }

    private let rows: Int
    private let columns: Int
    private let collected = Mutex(Collected())

    init(_ rows: Int, _ columns: Int) {
        self.rows = rows
        self.columns = columns
    }

    var measurements: [Measurement] { collected.withLock { $0.measurements } }

    /// Calls `body` with a sink that reaches this collector.
    func with<Result>(_ body: (UnsafePointer<caplet_parts>) -> Result) -> Result {
        var parts = caplet_parts()
        parts.struct_size = UInt32(MemoryLayout<caplet_parts>.size)
        parts.context = Unmanaged.passUnretained(self).toOpaque()
        parts.add_dense = { parts, values in PluginParts.of(parts)?.addDense(values) }
        parts.add_low_rank = { parts, rank, u, v in PluginParts.of(parts)?.addLowRank(rank, u, v) }
        parts.add_sparse = { parts, values in PluginParts.of(parts)?.addSparse(values) }
        parts.measure = { parts, name, value in PluginParts.of(parts)?.measure(name, value) }
        return withExtendedLifetime(self) { withUnsafePointer(to: parts, body) }
    }

    private static func of(_ parts: UnsafePointer<caplet_parts>?) -> PluginParts? {
        guard let context = parts?.pointee.context else { return nil }
        return Unmanaged<PluginParts>.fromOpaque(context).takeUnretainedValue()
    }

    /// Adds to what is collected; the first fault stays.
    private func add(_ body: (inout Collected) throws -> Void) {
        collected.withLock { state in
            guard state.fault == nil else { return }
            do { try body(&state) } catch { state.fault = "\(error)" }
        }
    }

    private func matrix(_ values: UnsafePointer<Float>?, _ rows: Int, _ columns: Int, _ part: String) throws -> Matrix {
        guard let values else { throw Fault(description: "the \(part) has no data") }
        let matrix = Matrix(rows: rows, columns: columns, elements: Array(UnsafeBufferPointer(start: values, count: rows * columns)))
        guard matrix.isFinite else { throw Fault(description: "the \(part) holds NaN or infinite values") }
        return matrix
    }

    private func addDense(_ values: UnsafePointer<Float>?) {
        add { state in
            guard state.dense == nil else { throw Fault(description: "has two dense parts") }
            state.dense = try matrix(values, rows, columns, "dense part")
        }
    }

    private func addLowRank(_ rank: UInt64, _ u: UnsafePointer<Float>?, _ v: UnsafePointer<Float>?) {
        add { state in
            guard state.lowRank == nil else { throw Fault(description: "has two low-rank parts") }
            guard rank >= 1, rank <= UInt64(min(rows, columns)) else {
                throw Fault(
                    description: "the low-rank part has rank \(rank); 1 to \(min(rows, columns)) were expected for \(rows) × \(columns)")
            }
            state.lowRank = (
                try matrix(u, rows, Int(rank), "low-rank part's U"), try matrix(v, Int(rank), columns, "low-rank part's V")
            )
        }
    }

    private func addSparse(_ values: UnsafePointer<Float>?) {
        add { state in
            guard state.sparse == nil else { throw Fault(description: "has two sparse parts") }
            state.sparse = try matrix(values, rows, columns, "sparse part")
        }
    }

    private func measure(_ name: UnsafePointer<CChar>?, _ value: Double) {
        add { state in
            guard let name = try? PluginText.read(name), !name.isEmpty, value.isFinite else {
                throw Fault(description: "a measurement has no name or is not finite")
            }
            state.measurements.append(Measurement(name: name, value: value))
        }
    }

    /// The sum of the parts, values kept as the tensor's own are.
    ///
    /// - Throws: `Fault` for the first rule that was broken.
    func payload(storedLike tensor: Tensor) throws -> Payload {
        let state = collected.withLock { $0 }
        if let fault = state.fault { throw Fault(description: fault) }
        if let dense = state.dense {
            guard state.lowRank == nil, state.sparse == nil else { throw Fault(description: "has a dense part and others beside it") }
            return .dense(try DenseTensor(dense, dtype: PluginParts.dtype(tensor, [dense])))
        }
        let all = [state.lowRank?.u, state.lowRank?.v, state.sparse].compactMap { $0 }
        guard !all.isEmpty else { throw Fault(description: "has no parts") }
        let dtype = PluginParts.dtype(tensor, all)
        var terms: [Payload] = []
        if let (u, v) = state.lowRank {
            terms.append(
                .lowRank(try LowRankTensor(u: .dense(DenseTensor(u, dtype: dtype)), v: .dense(DenseTensor(v, dtype: dtype)))))
        }
        if let sparse = state.sparse { terms.append(.sparse(try SparseTensor(nonZerosOf: sparse, dtype: dtype))) }
        return terms.count == 1 ? terms[0] : .composite(terms)
    }

    /// The tensor's own dtype where that has 16 or 32 bits and holds the values.
    private static func dtype(_ tensor: Tensor, _ parts: [Matrix]) -> DType {
        switch tensor.dtype {
        case .bf16: return .bf16
        case .f16: return parts.allSatisfy { $0.elements.allSatisfy { abs($0) < 65504 } } ? .f16 : .bf16
        default: return .f32
        }
    }
}
