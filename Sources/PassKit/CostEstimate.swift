import Dispatch
import Execution
import LinearAlgebra

/// Seconds and memory that a pipeline is going to take on this machine, from what its passes say of their cost.
public struct CostEstimate: Encodable, Sendable {
    /// Nil where a pass does not say.
    public let seconds: Double?
    /// Peak of memory beyond the pages of mapped files; nil where a pass does not say.
    public let bytes: Int?
    /// Passes whose cost is not known before.
    public let unknown: [String]
    /// Bytes of scratch, at most; nil where a pass does not say.
    public let scratchBytes: Int?
    /// What each pass takes, in their order; empty where one does not say.
    public let stages: [Stage]

    /// What one pass takes.
    public struct Stage: Encodable, Sendable {
        /// The pass's name.
        public let pass: String
        /// On this machine.
        public let seconds: Double
        /// Tasks of which a thread each can be busy.
        public let tasks: Int
    }

    /// Memory of the program itself.
    private static let baseBytes = 40_000_000
    /// What is more than any machine has is not told apart.
    private static let mostBytes = 1e18

    public init(_ costs: [(pass: String, cost: PassCost?)], _ execution: ExecutionContext, rates: MachineRates? = nil) {
        unknown = costs.filter { $0.cost == nil }.map(\.pass)
        guard unknown.isEmpty else {
            (seconds, bytes, scratchBytes, stages) = (nil, nil, nil, [])
            return
        }
        let rates = rates ?? MachineRates.measured()
        var (stages, peak, scratch) = ([Stage](), 0.0, 0.0)
        for (pass, cost) in costs {
            guard let cost else { continue }
            let threads = max(min(execution.threads, cost.parallelism), 1)
            let oneThread = cost.operations / rates.operationsPerSecond + cost.bytesMoved / rates.bytesPerSecond
            stages.append(Stage(pass: pass, seconds: oneThread / Double(threads), tasks: cost.parallelism))
            let results = min(cost.resultBytes, Double(ResultStore.usualMemoryLimit))
            // As many tasks side by side as half of the memory is enough for, but one in any case.
            let working = min(Double(threads) * cost.workingBytes, max(Double(execution.memory.byteLimit / 2), cost.workingBytes))
            peak = max(peak, results + cost.sharedBytes + working)
            scratch = max(scratch, cost.scratchBytes + max(cost.resultBytes - results, 0))
        }
        self.stages = stages
        seconds = stages.reduce(0) { $0 + $1.seconds }
        bytes = CostEstimate.baseBytes + (Int(exactly: min(peak, CostEstimate.mostBytes).rounded()) ?? 0)
        scratchBytes = Int(exactly: min(scratch, CostEstimate.mostBytes).rounded())
    }
}

/// What one thread of this machine does.
public struct MachineRates {
    /// Of products of float matrices.
    public let operationsPerSecond: Double
    /// Read and written in passes over memory.
    public let bytesPerSecond: Double

    public init(operationsPerSecond: Double, bytesPerSecond: Double) {
        self.operationsPerSecond = operationsPerSecond
        self.bytesPerSecond = bytesPerSecond
    }

    /// Measured in some hundredths of a second.
    public static func measured() -> MachineRates {
        let order = 768
        let matrix = Matrix(rows: order, columns: order, elements: [Float](repeating: 0.5, count: order * order))
        let product = fastest { matrix.times(matrix).elements[0] }
        let floats = [Float](repeating: 1, count: 1 << 23)
        let sum = fastest { floats.withUnsafeBufferPointer { a in a.indices.reduce(into: Float(0)) { $0 = max($0, a[$1]) } } }
        return MachineRates(
            operationsPerSecond: 2 * Double(order * order * order) / product, bytesPerSecond: Double(floats.count * 4) / sum)
    }

    /// Seconds of the fastest of some calls.
    private static func fastest(_ body: () -> Float) -> Double {
        (0..<7).map { _ in
            let start = DispatchTime.now().uptimeNanoseconds
            let value = body()
            return value.isNaN ? .infinity : max(Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9, 1e-9)
        }.min() ?? 1
    }
}
