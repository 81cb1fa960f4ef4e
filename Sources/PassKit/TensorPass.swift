import Execution
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
        try selection.replaceEach(of: &graph, pass: Self.name, context) { try transform($0, $1) }
    }
}

extension TensorSelection {
    /// Gives each selected tensor a new payload, made by itself: small ones side by side, one thread each; of large ones fewer at a time,
    /// so that memory is bounded by some of the largest, and each with the threads that are left for it.
    ///
    /// - Parameter transform: the new payload of a tensor, and figures for the report; is given the context with its share of threads.
    public func replaceEach(
        of graph: inout TensorGraph, pass: String, _ context: PassContext,
        _ transform: (Tensor, PassContext) throws -> (payload: Payload, measurements: [Measurement])
    ) throws -> PassReport {
        var report = PassReport(pass: pass)
        let (selected, leftAlone) = try split(graph, pass: pass)
        report.leftAlone = leftAlone
        context.execution.progress.begin(pass, total: selected.count, unit: "tensors")
        defer { context.execution.progress.end() }
        let shares = ThreadShares(
            threads: context.execution.threads, elementCounts: selected.map { $0.shape.elementCount },
            memory: context.execution.memory.byteLimit)
        let outer = context.execution.with(threads: shares.sideBySide)
        let inner = context.with(context.execution.with(threads: shares.each))
        // Whatever is done with a matrix [m, n], most take about m·n·min(m, n) operations.
        let owners = context.owners(selected, isKnown: context.isFinished) {
            Double($0.shape.elementCount) * Double(max(min($0.shape.rows, $0.shape.columns), 1))
        }
        let own = context.own(owners)
        var results = [(Payload, TensorReport)?](repeating: nil, count: selected.count)
        try results.withUnsafeMutableBufferPointer { slots in
            let slots = slots
            try outer.uncheckedParallelFor(own.count) { place in
                let tensor = selected[own[place]]
                defer { if owners[own[place]] != nil || context.ensemble.isFirst { context.execution.advanceShared(remark: tensor.name) } }
                slots[own[place]] = try context.finishing(tensor, isShared: true) {
                    let (payload, measurements) = try transform(tensor, inner)
                    return (payload, try TensorReport(comparing: tensor, with: payload, measurements, inner.execution))
                }
            }
        }
        try context.exchange(selected, owners, &results)
        for (payload, entry) in results.compactMap({ $0 }) {
            try graph.setPayload(payload, of: entry.name)
            report.tensors.append(entry)
        }
        return report
    }
}

/// How threads are split between matrices worked on side by side and the work on each.
struct ThreadShares: Equatable {
    /// Matrices at a time.
    let sideBySide: Int
    /// Threads for each of them.
    let each: Int

    /// What work on an element may take: some matrices of floats as large as the tensor.
    static let bytesPerElement = 48

    /// As many side by side as half of the memory is enough for, and no fewer threads at work than there are.
    ///
    /// - Parameter memory: bytes that the work may hold.
    init(threads: Int, elementCounts: [Int], memory: Int) {
        let largest = max(elementCounts.max() ?? 1, 1)
        let fitting = memory / 2 / ThreadShares.bytesPerElement / largest
        sideBySide = min(max(min(threads, fitting), 1), max(elementCounts.count, 1))
        each = (threads + sideBySide - 1) / sideBySide
    }
}

extension TensorReport {
    /// Measures a new payload against the tensor's present one.
    ///
    /// - Throws: `GraphError.notFinite` when the new payload holds NaN or infinities, `Cancelled`.
    public init(comparing tensor: Tensor, with payload: Payload, _ measurements: [Measurement], _ execution: ExecutionContext) throws {
        let (before, after, columns) = (try tensor.payload.floatRows(), try payload.floatRows(), payload.shape.columns)
        let runs = Payload.rowRuns(rows: payload.shape.rows, columns: columns)
        let squares = try execution.parallelMap(runs.count) { index -> (error: Double, norm: Double) in
            let old = try Matrix(runs[index], columns: columns, of: before)
            let new = try Matrix(runs[index], columns: columns, of: after)
            guard new.isFinite else { throw GraphError.notFinite("tensor '\(tensor.name)'") }
            return ((new - old).squaredFrobeniusNorm, old.squaredFrobeniusNorm)
        }
        self.init(
            name: tensor.name, parametersBefore: tensor.payload.parameterCount, parametersAfter: payload.parameterCount,
            bytesBefore: tensor.payload.byteCount, bytesAfter: payload.byteCount,
            squaredError: squares.reduce(0) { $0 + $1.error }, squaredNorm: squares.reduce(0) { $0 + $1.norm },
            measurements: measurements)
    }
}

extension Tensor {
    /// The values as a matrix of finite floats.
    ///
    /// - Throws: `GraphError.notFinite` naming the tensor when it holds NaN or infinities, `Cancelled`.
    public func finiteMatrix(_ execution: ExecutionContext = ExecutionContext(threads: 1)) throws -> Matrix {
        let matrix = try payload.densifiedMatrix(execution)
        guard matrix.isFinite else { throw GraphError.notFinite("tensor '\(name)'") }
        return matrix
    }
}
