import GradientFitting
import ModelGraph
import PassKit

/// Moves the values that a pruning pass kept, block by block, so that each block puts out again what it did: transformer matching (3BASiL,
/// arXiv 2603.01376, section 4), for any pruned model.
///
/// Of each block in order it minimises Σ‖y − y₀‖² / Σ‖y₀ − x₀‖² over S, U and V on their positions, by Adam: y is what the block puts out for
/// what the matched blocks before it produce, x₀ and y₀ enter and leave it in the original model. Cost for N calibration tokens, P parameters
/// in linear layers and p passes: 8·P·N·p floating-point operations, and the inputs and outputs of one block over the whole set.
public struct MatchPass: Pass {
    public static let name = "match"
    public static let summary = "move what a pruning pass kept, block by block, so that each block puts out what it did"
    private static let gradients = GradientSettings.Options(passes: 8)
    public static let options: [any PassOption] = gradients.all + [TensorSelection.option]
    public static let reads: PassReads = [.parts, .original, .calibration]
    public static let leaves = PassResult.other

    private let settings: GradientSettings
    private let selection: TensorSelection

    public init(_ options: PassOptions) throws {
        settings = Self.gradients.chosen(options)
        selection = TensorSelection(options)
    }

    public var needsCalibration: Bool { true }

    /// As forward passes over the set four a pass, and two for what enters the blocks, of all sequences that are learned from.
    public func cost(of graph: TensorGraph, calibration: CalibrationCost?) throws -> PassCost? {
        var cost = try selection.cost(of: graph, pass: Self.name) { m, n in
            PassCost(operations: 0, bytesMoved: 200 * m * n, workingBytes: 0, resultBytes: 2 * m * n, parallelism: 1)
        }
        guard let calibration else { return nil }
        cost.operations += (4 * Double(settings.passes) + 2 * settings.mostSequences) * calibration.forward
        // Values, the best of them and two moments of what moves in a block, half of its entries.
        let moving = try selection.split(graph, pass: Self.name).selected.reduce(0.0) { $0 + Double($1.shape.elementCount) } / 2
        calibration.add(to: &cost)
        cost.workingBytes *= 3
        cost.sharedBytes += calibration.blockBytes
        cost.scratchBytes += 2 * (settings.mostSequences - 1) * calibration.stateBytes
        cost.scratchBytes += 16 * moving / Double(max(graph.structure.blockCount, 1))
        return cost
    }

    public func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        var report = PassReport(pass: Self.name)
        let movable = try MovableTensors(
            graph, selection, pass: Self.name, context, .scales, outsideBlocks: "is no linear layer of a block")
        report.leftAlone = movable.leftAlone
        guard !movable.tensors.isEmpty else {
            report.notes.append(MovableTensors.nothing)
            return report
        }
        for (payload, entry) in try BlockRefit(pass: Self.name, settings, movable, context).run(&report) {
            report.tensors.append(entry)
            try graph.setPayload(payload, of: entry.name)
        }
        return report
    }
}
