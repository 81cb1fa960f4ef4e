import Execution
import Glibc
import LinearAlgebra
import PassKit

/// Makes an objective small by moving the values of some tensors along its gradients, batch by batch.
///
/// A part of the calibration set is held back: after every pass over the others the objective is taken on it, and the values that
/// were best there are kept, those of the start included.
struct GradientRefit {
    let passes: Int
    let batch: Int
    /// Nil to find one: the first of `trialRates` that lowers the held-back objective in its first pass.
    let rate: Double?
    let seed: UInt64
    /// Weights [out, in] that other passes changed and that stay as they are.
    let fixed: [String: Matrix]
    let execution: ExecutionContext

    struct Outcome {
        var tensors: [RefitTensor]
        /// The objective of each step on its batch.
        var steps: [Double] = []
        /// On what is held back: at the start, then after each pass.
        var heldBack: [Double] = []
        var rate: Double
        /// Sequences that the objective was asked for, without and with gradients; rates that were tried and given up are not in it.
        var sequences = (forward: 0, gradients: 0)

        /// Forward passes over `count` sequences: with gradients a sequence is run forward twice and back once, which is as much again.
        func forwardPasses(_ count: Int) -> Double { Double(sequences.forward + 4 * sequences.gradients) / Double(max(count, 1)) }
    }

    /// A model with few tokens for its values, or with outputs that turn on small weights, wants smaller steps.
    private static let trialRates = [0.01, 0.003, 0.001, 0.0003, 0.0001]

    /// Steps over which the rate rises to its full value.
    private static let warmUp = 10

    /// - Parameters:
    ///   - snapshot: where an interrupted run stood.
    ///   - keep: keeps where this one stands, from time to time.
    func run(
        _ start: [RefitTensor], _ objective: any RefitObjective, sequences count: Int, from snapshot: PassSnapshot? = nil,
        keep: (() throws -> PassSnapshot) throws -> Void = { _ in }
    ) throws -> Outcome {
        let rates = rate.map { [$0] } ?? GradientRefit.trialRates
        var state: RefitState
        if let snapshot {
            state = try RefitState(snapshot, start)
            guard state.trial < rates.count else { throw PassSnapshot.foreign }
            execution.progress.advance(by: state.outcome.sequences.gradients)
        } else {
            let before = try value(objective, GradientRefit.split(count).heldBack, start)
            state = RefitState(start, trial: 0, rate: rates[0], before: before)
        }
        while try !run(&state, objective, sequences: count, mustHelp: state.trial + 1 < rates.count, keep) {
            execution.progress.advance(by: -GradientRefit.split(count).learning.count, remark: "smaller steps")
            let next = state.trial + 1
            state = RefitState(start, trial: next, rate: rates[next], before: state.outcome.heldBack[0])
        }
        return state.outcome
    }

    /// - Returns: false when `mustHelp` and the first pass did not.
    private func run(
        _ state: inout RefitState, _ objective: any RefitObjective, sequences count: Int, mustHelp: Bool,
        _ keep: (() throws -> PassSnapshot) throws -> Void
    ) throws -> Bool {
        let (learning, heldBack) = GradientRefit.split(count)
        let stepsAPass = (learning.count + batch - 1) / batch
        let total = stepsAPass * passes
        while state.step < total {
            try execution.cancellation.check()
            try keep { state.snapshot }
            let (pass, slot) = state.step.quotientAndRemainder(dividingBy: stepsAPass)
            let order = CounterGenerator(seed: seed, stream: UInt64(pass)).permutation(of: learning.count)
            let chosen = order[slot * batch..<min((slot + 1) * batch, order.count)].map { learning[$0] }
            var gradients: [String: Matrix] = [:]
            let found = try objective.value(sequences: chosen, replacing: ReplacedWeights(matrices(state.tensors))) { gradients[$0] = $1 }
            try move(&state.tensors, &state.optimizers, gradients, rate: state.outcome.rate * schedule(state.step, of: total))
            state.step += 1
            state.outcome.steps.append(found)
            state.outcome.sequences.gradients += chosen.count
            execution.progress.advance(by: chosen.count, remark: "objective \(rounded(found))")
            if slot + 1 < stepsAPass { continue }
            let now = try value(objective, heldBack, state.tensors)
            if now < state.outcome.heldBack.min() ?? .infinity { state.outcome.tensors = state.tensors }
            state.outcome.heldBack.append(now)
            state.outcome.sequences.forward += heldBack.count
            if mustHelp, pass == 0, !(now < state.outcome.heldBack[0]) { return false }
        }
        return true
    }

    /// Sequences that a run works on, for progress.
    func work(sequences count: Int) -> Int { GradientRefit.split(count).learning.count * passes }

    /// One sequence in eight, evenly spaced, is held back when there are enough; else all serve both.
    static func split(_ count: Int) -> (learning: [Int], heldBack: [Int]) {
        let all = Array(0..<count)
        guard count >= 16 else { return (all, all) }
        return (all.filter { $0 % 8 != 7 }, all.filter { $0 % 8 == 7 })
    }

    /// Rises in a straight line, then falls as a cosine to 0.
    private func schedule(_ step: Int, of total: Int) -> Double {
        min(1, Double(step + 1) / Double(GradientRefit.warmUp)) * 0.5 * (1 + cos(Double.pi * Double(step) / Double(max(total, 1))))
    }

    private func matrices(_ tensors: [RefitTensor]) throws -> [String: Matrix] {
        let made = try execution.parallelMap(tensors.count) { try tensors[$0].matrix() }
        return fixed.merging(zip(tensors.map(\.name), made)) { _, moved in moved }
    }

    private func value(_ objective: any RefitObjective, _ sequences: [Int], _ tensors: [RefitTensor]) throws -> Double {
        let weights = try matrices(tensors)
        var sum = 0.0
        for start in stride(from: 0, to: sequences.count, by: batch) {
            let part = Array(sequences[start..<min(start + batch, sequences.count)])
            sum += try objective.value(sequences: part, replacing: ReplacedWeights(weights), gradient: nil) * Double(part.count)
        }
        return sum / Double(max(sequences.count, 1))
    }

    private func move(
        _ tensors: inout [RefitTensor], _ optimizers: inout [AdamOptimizer], _ gradients: [String: Matrix], rate: Double
    ) throws {
        let (old, state) = (tensors, optimizers)
        let moved = try execution.parallelMap(tensors.count) { index -> (RefitTensor, AdamOptimizer) in
            var (tensor, optimizer) = (old[index], state[index])
            guard let gradient = gradients[tensor.name] else {
                throw PassError(.unsupported, pass: RefitPass.name, "the gradient of '\(tensor.name)' is not known")
            }
            var parts = tensor.parts
            optimizer.move(&parts, against: tensor.partGradients(gradient), rate: rate)
            tensor.set(parts)
            return (tensor, optimizer)
        }
        for index in tensors.indices { (tensors[index], optimizers[index]) = moved[index] }
    }
}
