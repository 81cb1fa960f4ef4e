import LinearAlgebra
import ModelGraph

/// A pass that changes each selected tensor by itself; tensors are worked on in parallel.
public protocol TensorPass: Pass {
    var selection: TensorSelection { get }

    /// The new payload of one tensor, and figures for the report.
    func transform(_ tensor: Tensor, _ context: PassContext) throws -> (payload: Payload, measurements: [Measurement])
}

extension TensorPass {
    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        try selection.replaceEach(of: &graph, pass: Self.name, context) { try transform($0, context) }
    }
}

extension TensorSelection {
    /// Gives each selected tensor a new payload, made by itself and side by side with others.
    ///
    /// - Parameter transform: the new payload of a tensor, and figures for the report.
    public func replaceEach(
        of graph: inout TensorGraph, pass: String, _ context: PassContext,
        _ transform: (Tensor) throws -> (payload: Payload, measurements: [Measurement])
    ) throws -> PassReport {
        var report = PassReport(pass: pass)
        let (selected, leftAlone) = try split(graph, pass: pass)
        report.leftAlone = leftAlone
        context.execution.progress.begin(pass, total: selected.count, unit: "tensors")
        defer { context.execution.progress.end() }
        let results = try context.execution.parallelMap(selected.count) { index in
            let tensor = selected[index]
            let (payload, measurements) = try transform(tensor)
            let entry = try TensorReport(comparing: tensor, with: payload, measurements)
            context.execution.progress.advance(by: 1, remark: tensor.name)
            return (payload, entry)
        }
        for (payload, entry) in results {
            try graph.setPayload(payload, of: entry.name)
            report.tensors.append(entry)
        }
        return report
    }
}

extension TensorReport {
    /// Measures a new payload against the tensor's present one.
    ///
    /// - Throws: `GraphError.notFinite` when the new payload holds NaN or infinities.
    public init(comparing tensor: Tensor, with payload: Payload, _ measurements: [Measurement]) throws {
        let before = try tensor.payload.densifiedMatrix()
        let after = try payload.densifiedMatrix()
        guard after.isFinite else { throw GraphError.notFinite("tensor '\(tensor.name)'") }
        self.init(
            name: tensor.name, parametersBefore: tensor.payload.parameterCount, parametersAfter: payload.parameterCount,
            bytesBefore: tensor.payload.byteCount, bytesAfter: payload.byteCount,
            squaredError: (after - before).squaredFrobeniusNorm, squaredNorm: before.squaredFrobeniusNorm,
            measurements: measurements)
    }
}

extension Tensor {
    /// The values as a matrix of finite floats.
    ///
    /// - Throws: `GraphError.notFinite` naming the tensor when it holds NaN or infinities.
    public func finiteMatrix() throws -> Matrix {
        let matrix = try payload.densifiedMatrix()
        guard matrix.isFinite else { throw GraphError.notFinite("tensor '\(name)'") }
        return matrix
    }
}
