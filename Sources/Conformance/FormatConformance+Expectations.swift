import Execution
import FormatKit
import ModelGraph

/// What the checks share: small graphs, written and read back.
extension FormatConformance {
    var anyDType: DType { dtypes.contains(.f32) ? .f32 : dtypes[0] }
    var label: String { "\(format.name) \(outputName)" }

    func smallGraph() throws -> TensorGraph {
        try SampleGraph.graph(
            [
                SampleGraph.tensor("model.a.weight", anyDType, [3, 4]),
                SampleGraph.tensor("model.b.weight", anyDType, shapes.contains([7]) ? [8] : [2, 4], seed: 3),
            ].prefix(carriesSeveralTensors ? 2 : 1).map { $0 })
    }

    func writeAndRead(_ graph: TensorGraph) throws -> (graph: TensorGraph, plan: WritePlan) {
        let folder = try TemporaryFolder()
        let path = folder.path(outputName)
        let plan = try format.write(graph, to: path, WriteOptions(), ExecutionContext())
        log.expect(format.recognises(try FileProbe(path: path)), "\(label): does not recognise its own output")
        var back = try format.read(path, ReadContext())
        // The files stay mapped, so the folder may go.
        for tensor in back.tensors { try back.setPayload(tensor.payload, of: tensor.name) }
        log.expect(!(back.sources.isEmpty), "\(label): does not say what it was read from")
        try back.tensors.forEach { if let dense = $0.payload.elementArray { try dense.bytes.withUnsafeBytes { _ in } } }
        return (back, plan)
    }

    func expectRoundTrip(_ tensors: [Tensor], _ what: String) throws {
        guard carriesSeveralTensors || tensors.count == 1 else {
            for tensor in tensors { try expectRoundTrip([tensor], what) }
            return
        }
        let (back, _) = try writeAndRead(SampleGraph.graph(tensors))
        log.expectEqual(back.tensors.count, tensors.count, "\(label), \(what): tensors")
        if carriesNames { log.expectEqual(back.tensors.map(\.name), tensors.map(\.name), "\(label), \(what): names") }
        for (ours, theirs) in zip(tensors, back.tensors) {
            log.expectEqual(theirs.shape, ours.shape, "\(label), \(what): shape of '\(ours.name)'")
            log.expectEqual(theirs.dtype, ours.dtype, "\(label), \(what): dtype of '\(ours.name)'")
            log.expectEqual(
                try FormatConformance.denseBytes(theirs), try FormatConformance.denseBytes(ours),
                "\(label), \(what): bytes of '\(ours.name)'")
        }
    }

    func expectUnsupported(_ tensors: [Tensor], _ what: String) throws {
        let folder = try TemporaryFolder()
        expectError(.unsupported, what) {
            try format.write(SampleGraph.graph(tensors), to: folder.path(outputName), WriteOptions(), ExecutionContext())
        }
        log.expectEqual(try folder.files().count, 0, "\(label), \(what): left an output")
    }

    func expectError(_ kind: FormatError.Kind, _ what: String, _ body: () throws -> Void) {
        do {
            try body()
            log.fail("\(label), \(what): no error")
        } catch let error as FormatError {
            log.expectEqual(error.kind, kind, "\(label), \(what): \(error)")
        } catch {
            log.fail("\(label), \(what): \(error) is no FormatError")
        }
    }

    static func denseBytes(_ tensor: Tensor) throws -> [UInt8] {
        guard let dense = tensor.payload.elementArray else { return [] }
        return try dense.bytes.withUnsafeBytes { Array($0) }
    }
}
