import CLibrary
import ModelGraph
import PassKit

/// Types for an increase of the mean loss on text that prices were not measured on, where there is any.
struct BlockLoss {
    private let increase: Double
    private let text: any CalibrationProvider
    private let dense: Double
    private let isHeldBack: Bool

    /// Rounds of the search at most: a loss on text is noise beyond some digit.
    private static let rounds = 8
    private static let slack = 0.05

    init(_ increase: Double, _ context: PassContext) throws {
        self.increase = increase
        text = try context.heldBack ?? context.requireCalibration(for: QuantizePass.name)
        isHeldBack = context.heldBack != nil
        dense = try BlockLoss.loss(text, context.original)
    }

    private static func loss(_ text: any CalibrationProvider, _ graph: TensorGraph) throws -> Double {
        let losses = try text.losses(sequences: Array(0..<text.sequenceCount), of: graph)
        return losses.reduce(0, +) / Double(max(losses.count, 1))
    }

    /// The choices of fewest bytes whose loss is measured to rise by no more.
    ///
    /// - Throws: `PassError` where even the largest types raise it by more.
    func choices(_ allocation: BlockAllocation, _ report: inout PassReport, _ graph: ([Int]) throws -> TensorGraph) throws -> [Int] {
        let most = allocation.units.reduce(0) { $0 + ($1.map(\.bytes).max() ?? 0) }
        var best: (chosen: [Int], increase: Double)?
        // Budgets as bytes; the loss falls as they grow.
        var (low, high) = (allocation.leastByteCount, most)
        var budget = start(allocation, low, high)
        for _ in 0..<Self.rounds where low <= high {
            guard let chosen = allocation.choices(within: budget) else { break }
            let found = try max(BlockLoss.loss(text, graph(chosen)) - dense, .leastNormalMagnitude)
            let bytes = allocation.byteCount(chosen)
            if found <= increase {
                if best.map({ bytes < allocation.byteCount($0.chosen) }) ?? true { best = (chosen, found) }
                if found >= increase * (1 - Self.slack) { break }
                high = min(high, bytes - 1)
            } else {
                low = max(low, budget + 1)
            }
            // Errors cost about four times less for each bit more.
            let bits = 0.5 * min(max(log2(found / increase), -4), 4) / 8 * valueShare(allocation)
            budget = min(max(Int(Double(bytes) + bits), low), high)
            if budget == bytes { budget = found <= increase ? low + (high - low) / 2 : high }
        }
        guard let best else {
            throw PassError(
                .usage, pass: QuantizePass.name, "no types raise the loss by increase=\(increase) or less", remedy: .packLosslessly)
        }
        report.notes.append(
            isHeldBack
                ? "the increase of the loss is that on \(text.sequenceCount) sequences that were not calibrated on"
                : "the increase of the loss is that on the calibration set itself: there is no other text")
        report.measure("loss.dense", dense)
        report.measure("loss.final", dense + best.increase)
        return best.chosen
    }

    /// Values of all units, about: a byte of the largest type holds one.
    private func valueShare(_ allocation: BlockAllocation) -> Double {
        Double(allocation.units.reduce(0) { $0 + ($1.map(\.bytes).max() ?? 0) })
    }

    /// The budget whose predicted cost is nearest to the increase.
    private func start(_ allocation: BlockAllocation, _ low: Int, _ high: Int) -> Int {
        var (low, high) = (low, high)
        for _ in 0..<24 where low < high {
            let middle = low + (high - low) / 2
            let cost = allocation.choices(within: middle).map(allocation.cost) ?? .infinity
            if cost > increase { low = middle + 1 } else { high = middle }
        }
        return high
    }
}
