import CLibrary
import GradientFitting
import ModelGraph
import PassKit

/// Looks for the increase of the loss by codes or blocks of which a refit of their scales leaves what is allowed: the file is smaller by what
/// the refit makes good.
///
/// The first attempt goes by what a refit mostly leaves, each other one by what was left. Where none ends at or below what is allowed, it is
/// allowed for the codes alone, and the refit is what comes on top.
struct RefittedIncrease {
    let allowed: Double
    let settings: GradientSettings
    /// The tensors whose scales may move.
    let selection: TensorSelection
    let context: PassContext
    let loss: HeldBackLoss

    /// Of an increase, what a refit mostly leaves.
    private static let usualShare = 0.8

    /// With another attempt, of which each takes a refit, some per cent of the bytes are to be had.
    private static let attempts = 3
    /// What is within this share below what is allowed is near enough.
    private static let slack = 0.1
    /// An attempt after one that came out above aims at this share of what is allowed.
    private static let caution = 0.95

    /// What an attempt came to.
    private struct Attempt<Found> {
        let found: Found
        /// After the refit.
        let increase: Double
        /// The scales, or all else that moved, by tensor.
        let moved: PassSnapshot
    }

    /// - Parameters:
    ///   - find: the codes or types whose loss is measured to rise by no more than it is given, the fewest bytes that do.
    ///   - graph: what they make of the model.
    /// - Returns: what was found, what it makes of the model with moved scales, and by how much the loss rises.
    func run<Found>(
        _ report: inout PassReport, find: (Double) throws -> Found, graph: (Found) throws -> TensorGraph
    ) throws -> (graph: TensorGraph, increase: Double) {
        var best: Attempt<Found>?
        var before = allowed / Self.usualShare
        for number in 0..<Self.attempts {
            let attempt = try self.attempt(number, find(before), graph)
            report.notes.append(
                "what raises the loss by at most \(rounded(before)): by \(rounded(attempt.increase)) after a refit of its scales")
            if attempt.increase <= allowed {
                if attempt.increase > best?.increase ?? 0 { best = attempt }
                if attempt.increase >= (1 - Self.slack) * allowed { break }
            }
            let aim = attempt.increase <= allowed ? 1 - Self.slack / 2 : Self.caution
            // A share that text has made of nothing says nothing.
            before = max(allowed, min(before * min(aim * allowed / attempt.increase, 4), allowed / (Self.usualShare * Self.usualShare)))
        }
        let chosen = try best ?? attempt(Self.attempts, find(allowed), graph)
        let made = try graph(chosen.found)
        // On little text a refit may do harm.
        guard chosen.increase <= allowed else { return (made, try loss.increase(made)) }
        return (try moving(made, chosen.moved), chosen.increase)
    }

    /// - Returns: nil for a graph in which nothing can move.
    private func movable(_ graph: TensorGraph) throws -> MovableTensors? {
        let movable = try MovableTensors(
            graph, selection, pass: QuantizePass.name, context, [.scales], outsideBlocks: "is no linear layer of a block")
        return movable.tensors.isEmpty ? nil : movable
    }

    /// Refits what was found, and measures it; an interrupted run's is taken as it was.
    private func attempt<Found>(
        _ number: Int, _ found: Found, _ graph: (Found) throws -> TensorGraph
    ) throws -> Attempt<Found> {
        let result = try context.recording("refit", "attempt \(number)") {
            let made = try graph(found)
            var result = PassSnapshot()
            if let movable = try movable(made) {
                let refit = LossRefit(pass: QuantizePass.name, settings, movable, [.scales], context)
                let state = try refit.state(part: number) { try $0.divergence(of: made) }
                for (tensor, values) in zip(state.tensors, state.best) { try result.set(tensor.name, Array(values.floats)) }
            }
            result.numbers["increase"] = [try loss.increase(moving(made, result))]
            return result
        }
        guard let increase = result.numbers["increase"]?.first else {
            throw PassError(.unsupported, pass: QuantizePass.name, "what an interrupted run has kept does not fit this model")
        }
        return Attempt(found: found, increase: increase, moved: result)
    }

    /// A graph with the values that have moved.
    private func moving(_ graph: TensorGraph, _ moved: PassSnapshot) throws -> TensorGraph {
        var made = graph
        for tensor in graph.tensors {
            guard let floats = try moved.floats(tensor.name) else { continue }
            let parts = try RefitTensor(tensor, [.scales], context.execution)
            guard floats.count == parts.values.count else {
                throw PassError(.unsupported, pass: QuantizePass.name, "what an interrupted run has kept does not fit this model")
            }
            for (slot, value) in floats.enumerated() { parts.values.floats[slot] = value }
            try made.setPayload(context.keeping(parts.payload(parts.values)), of: tensor.name)
        }
        return made
    }
}
