import FormatKit
import FoundationEssentials
import ModelGraph
import PassKit

/// Finished work as what a container can hold: payloads as tensors, all else as JSON in an attachment.
extension WorkSegment {
    private static let recordName = "finished.json"

    private struct Record: Codable {
        var version = WorkSegment.version
        let pass: Int
        /// Of tensors that were made one by one.
        var entries: [TensorReport] = []
        var losses: [FinishedLosses] = []
        var report: PassReport?
        var records: [StageRecord] = []
        /// Of a snapshot, whose arrays the tensors are.
        var numbers: [String: [Double]]?
        /// The stage that all of it is of use to.
        var interim: String?
        /// Tensors that are kept as the bytes of blocks, which the container has no place for, by name.
        var blocks: [String: Blocks]?
    }

    private struct Blocks: Codable {
        let codec: String
        let shape: [Int]

        /// - Throws: `FormatError.malformed` for bytes that are not those of the blocks.
        func payload(_ tensor: Tensor, _ path: String) throws -> Payload {
            guard case .dense(let bytes) = tensor.payload, let codec = BlockCodec.made.first(where: { $0.name == codec }),
                let shape = Shape(shape), codec.byteCount(shape) == bytes.bytes.byteCount
            else { throw FormatError.malformed(path, "tensor '\(tensor.name)'", "does not have the blocks that it is said to have") }
            return .blocks(try BlockTensor(codec, shape: shape, bytes: bytes.bytes))
        }
    }

    /// What a stage found out, whose arrays are the tensors `StageRecord.tensor`.
    private struct StageRecord: Codable {
        let stage: String
        let name: String
        let numbers: [String: [Double]]
        let arrays: [String]

        /// No tensor of a model has such a name: it ends in a control character.
        static func tensor(_ index: Int, _ array: String) -> String { "\(index): \(array)\u{1}" }
    }

    /// All but the snapshot; nil when there is nothing else.
    func resultGraph() throws -> TensorGraph? {
        if tensors.isEmpty, losses.isEmpty, records.isEmpty, report == nil { return nil }
        var blocks: [String: Blocks] = [:]
        var made = try tensors.map { tensor -> Tensor in
            guard case .blocks(let kept) = tensor.payload, BlockCodec.made.contains(kept.codec) else {
                return Tensor(name: tensor.name, shape: tensor.payload.shape, dtype: .f32, payload: tensor.payload)
            }
            blocks[tensor.name] = Blocks(codec: kept.codec.name, shape: kept.shape.dimensions)
            let bytes = try DenseTensor(dtype: .i8, shape: Shape(count: kept.byteCount), bytes: kept.bytes)
            return Tensor(name: tensor.name, dense: bytes)
        }
        for (index, record) in records.enumerated() {
            for (array, values) in record.found.arrays.sorted(by: { $0.key < $1.key }) {
                made.append(Tensor(name: StageRecord.tensor(index, array), dense: values))
            }
        }
        let stages = records.map {
            StageRecord(stage: $0.stage, name: $0.name, numbers: $0.found.numbers, arrays: $0.found.arrays.keys.sorted())
        }
        var record = Record(pass: pass, entries: tensors.compactMap(\.report), losses: losses, report: report, records: stages)
        if !blocks.isEmpty { record.blocks = blocks }
        record.interim = interim
        return try WorkSegment.graph(made, record)
    }

    /// The snapshot; nil when there is none.
    func snapshotGraph() throws -> TensorGraph? {
        guard let snapshot else { return nil }
        let arrays = snapshot.arrays.sorted { $0.key < $1.key }.map { Tensor(name: $0, dense: $1) }
        return try WorkSegment.graph(arrays, Record(pass: pass, numbers: snapshot.numbers))
    }

    private static func graph(_ tensors: [Tensor], _ record: Record) throws -> TensorGraph {
        var graph = TensorGraph()
        for tensor in tensors { try graph.append(tensor) }
        graph.attach(Attachment(name: recordName, bytes: Array(try JSONOutput.line(record).utf8)))
        return graph
    }

    private static func array(_ tensor: Tensor, _ path: String) throws -> DenseTensor {
        guard case .dense(let dense) = tensor.payload, [.f32, .i8].contains(dense.dtype) else {
            throw FormatError.malformed(path, "tensor '\(tensor.name)'", "is no array of floats or codes")
        }
        return dense
    }

    /// What `resultGraph` or `snapshotGraph` made, read from a file.
    ///
    /// - Throws: `FormatError.malformed` for anything else.
    init(_ graph: TensorGraph, path: String) throws {
        let bytes = graph.attachment(WorkSegment.recordName).map { Data($0.bytes) }
        guard let bytes, let record = try? JSONOutput.value(Record.self, from: bytes), record.version == WorkSegment.version else {
            throw FormatError.malformed(path, WorkSegment.recordName, "does not say what was finished")
        }
        self.init(pass: record.pass)
        if let numbers = record.numbers {
            var snapshot = PassSnapshot()
            snapshot.numbers = numbers
            for tensor in graph.tensors { snapshot.arrays[tensor.name] = try WorkSegment.array(tensor, path) }
            self.snapshot = snapshot
        } else {
            let entries = Dictionary(record.entries.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
            var arrays = Set<String>()
            for (index, stage) in record.records.enumerated() {
                var found = PassSnapshot()
                found.numbers = stage.numbers
                for array in stage.arrays {
                    let name = StageRecord.tensor(index, array)
                    guard let tensor = graph[name] else { throw FormatError.malformed(path, name, "is not there") }
                    found.arrays[array] = try WorkSegment.array(tensor, path)
                    arrays.insert(name)
                }
                records.append(FinishedRecord(stage: stage.stage, name: stage.name, found: found))
            }
            tensors = try graph.tensors.filter { !arrays.contains($0.name) }
                .map {
                    let payload = try record.blocks?[$0.name]?.payload($0, path) ?? $0.payload
                    return FinishedTensor(name: $0.name, payload: payload, report: entries[$0.name])
                }
            (losses, report, interim) = (record.losses, record.report, record.interim)
        }
    }
}
