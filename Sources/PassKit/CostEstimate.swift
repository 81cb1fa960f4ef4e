import Dispatch
import Execution
import LinearAlgebra

/// Seconds and memory that a pipeline is going to take on this machine, from what its passes say of their cost.
public struct CostEstimate: Sendable {
    /// Nil where a pass does not say.
    public let seconds: Double?
    /// Peak of memory beyond the pages of mapped files; nil where a pass does not say.
    public let bytes: Int?
    /// Passes whose cost is not known before.
    public let unknown: [String]

    /// Memory of the program itself.
    private static let baseBytes = 40_000_000
    /// What is more than any machine has is not told apart.
    private static let mostBytes = 1e18

    public init(_ costs: [(pass: String, cost: PassCost?)], _ execution: ExecutionContext, rates: MachineRates? = nil) {
        unknown = costs.filter { $0.cost == nil }.map(\.pass)
        guard unknown.isEmpty else {
            (seconds, bytes) = (nil, nil)
            return
        }
        let rates = rates ?? MachineRates.measured()
        var (seconds, peak) = (0.0, 0.0)
        for cost in costs.compactMap(\.cost) {
            let threads = max(min(execution.threads, cost.parallelism), 1)
            let oneThread = cost.operations / rates.operationsPerSecond + cost.bytesMoved / rates.bytesPerSecond
            seconds += oneThread / Double(threads)
            peak = max(peak, min(cost.resultBytes, Double(ResultStore.usualMemoryLimit)) + Double(threads) * cost.workingBytes)
        }
        self.seconds = seconds
        bytes = CostEstimate.baseBytes + (Int(exactly: min(peak, CostEstimate.mostBytes).rounded()) ?? 0)
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
