import ModelGraph

/// What a pass is going to take, on paper: what `compress --dry-run` makes seconds and bytes of memory from.
public struct PassCost: Equatable, Sendable {
    /// Operations, counted as products of large float matrices: work that runs at half the rate of these counts twice.
    public var operations: Double
    /// Bytes read and written in passes over memory.
    public var bytesMoved: Double
    /// Bytes that one thread needs beside what it starts from and what it leaves; like all that is multiplied here a number that cannot
    /// overflow, whatever the shapes and options.
    public var workingBytes: Double
    /// Bytes that the pass needs once, whatever the threads: of a block, of states of sequences.
    public var sharedBytes = 0.0
    /// Bytes that wait on scratch.
    public var scratchBytes = 0.0
    /// Bytes of what the pass leaves; see `ResultStore` for how much of it is in memory.
    public var resultBytes: Double
    /// Tasks of which a thread each can be busy.
    public var parallelism: Int

    public init(operations: Double, bytesMoved: Double, workingBytes: Double, resultBytes: Double, parallelism: Int) {
        self.operations = operations
        self.bytesMoved = bytesMoved
        self.workingBytes = workingBytes
        self.resultBytes = resultBytes
        self.parallelism = parallelism
    }
}

extension TensorSelection {
    /// The cost of work on each selected tensor by itself, summed.
    ///
    /// - Parameter cost: of one matrix [m, n], both at least 1.
    /// - Throws: `PassError` when nothing is selected.
    public func cost(of graph: TensorGraph, pass: String, each cost: (_ m: Double, _ n: Double) -> PassCost) throws -> PassCost {
        let shapes = try split(graph, pass: pass).selected.map(\.shape)
        let none = PassCost(operations: 0, bytesMoved: 0, workingBytes: 0, resultBytes: 0, parallelism: shapes.count)
        return shapes.filter { $0.elementCount > 0 }.reduce(none) {
            let one = cost(Double($1.rows), Double($1.columns))
            return PassCost(
                operations: $0.operations + one.operations, bytesMoved: $0.bytesMoved + one.bytesMoved,
                workingBytes: max($0.workingBytes, one.workingBytes), resultBytes: $0.resultBytes + one.resultBytes,
                parallelism: shapes.count)
        }
    }
}
