import CLibrary
import Execution
import LinearAlgebra
import PassKit

/// Makes an objective small by moving the values of some tensors along its gradients, batch by batch.
///
/// A part of the calibration set is held back: after every pass over the others the objective is taken on it, and the values that
/// were best there are kept, those of the start included.
public struct GradientRefit {
    /// The pass's name.
    let pass: String
    let passes: Int
    /// Nil for a share of the sequences.
    let batch: Int?
    /// Nil to find one: the first of `trialRates` that lowers the held-back objective in its first pass.
    let rate: Double?
    let seed: UInt64
    /// Weights that other passes changed and that stay as they are.
    let fixed: ReplacedWeights
    let execution: ExecutionContext

    /// - Parameters:
    ///   - pass: the name of the pass.
    ///   - settings: what the user chose of it.
    ///   - fixed: weights that other passes changed and that stay as they are.
    public init(pass: String, _ settings: GradientSettings, seed: UInt64, fixed: ReplacedWeights, _ execution: ExecutionContext) {
        (self.pass, passes, batch, rate) = (pass, settings.passes, settings.batch, settings.rate)
        (self.seed, self.fixed, self.execution) = (seed, fixed, execution)
    }

    /// A model with few tokens for its values, or with outputs that turn on small weights, wants smaller steps.
    private static let trialRates = [0.01, 0.003, 0.001, 0.0003, 0.0001]

    /// - Parameters:
    ///   - start: makes the tensors with the values that the refit begins with.
    ///   - count: sequences of the objective.
    ///   - calibration: sequences that a pass is over: with more of them each is seen less often, and the work is the same.
    ///   - snapshot: where an interrupted run stood.
    ///   - keep: keeps where this one stands, from time to time.
    /// - Returns: where it ended, with the values that were best.
    public func run(
        _ start: () throws -> [RefitTensor], _ objective: any RefitObjective, sequences count: Int, calibration: Int,
        from snapshot: PassSnapshot? = nil,
        keep: (RefitState) throws -> Void = { _ in }
    ) throws -> RefitState {
        let sets = GradientRefit.split(count, calibration: calibration, batch: batch)
        let rates = rate.map { [$0] } ?? GradientRefit.trialRates
        var state: RefitState
        if let snapshot {
            state = try RefitState(snapshot, start(), pass: pass)
            guard state.trial < rates.count else { throw PassSnapshot.foreign(to: pass) }
            execution.progress.advance(by: state.sequences.gradients)
        } else {
            let tensors = try start()
            let before = try value(objective, sets.heldBack, tensors, batch: sets.batch)
            state = try RefitState(tensors, trial: 0, rate: rates[0], before: before)
        }
        while try !run(state, objective, sets, mustHelp: state.trial + 1 < rates.count, keep) {
            execution.progress.advance(by: -sets.pass, remark: "smaller steps")
            let next = state.trial + 1
            state = try RefitState(start(), trial: next, rate: rates[next], before: state.heldBack[0])
        }
        return state
    }

    /// - Returns: false when `mustHelp` and the first pass did not.
    private func run(
        _ state: RefitState, _ objective: any RefitObjective, _ sets: Sets, mustHelp: Bool, _ keep: (RefitState) throws -> Void
    ) throws -> Bool {
        let (learning, heldBack, batch) = (sets.learning, sets.heldBack, sets.batch)
        // Steps until each sequence was seen, and those of a pass.
        let (stepsARound, stepsAPass) = ((learning.count + batch - 1) / batch, (sets.pass + batch - 1) / batch)
        let total = stepsAPass * passes
        while state.step < total {
            try execution.cancellation.check()
            try keep(state)
            let (round, slot) = state.step.quotientAndRemainder(dividingBy: stepsARound)
            let order = CounterGenerator(seed: seed, stream: UInt64(round)).permutation(of: learning.count)
            let chosen = order[slot * batch..<min((slot + 1) * batch, order.count)].map { learning[$0] }
            let found = try step(state, objective, chosen, of: total)
            state.steps.append(found)
            state.sequences.gradients += chosen.count
            execution.progress.advance(by: chosen.count, remark: "objective \(rounded(found))")
            if state.step % stepsAPass != 0 { continue }
            let now = try value(objective, heldBack, state.tensors, batch: batch)
            if now < state.heldBack.min() ?? .infinity { state.keepBest() }
            state.heldBack.append(now)
            state.sequences.forward += heldBack.count
            if mustHelp, state.step == stepsAPass, !(now < state.heldBack[0]) { return false }
        }
        return true
    }

    /// One step: each tensor is moved as soon as its gradient is known.
    ///
    /// - Returns: the objective before it.
    private func step(_ state: RefitState, _ objective: any RefitObjective, _ chosen: [Int], of total: Int) throws -> Double {
        let rate = state.rate * TrainingSteps.share(state.step, of: total)
        let found = try objective.value(
            sequences: chosen, replacing: matrices(state.tensors), moving: state.tensors.map(\.name), pass: pass
        ) { index, gradient in
            let (tensor, optimizer) = (state.tensors[index], state.optimizers[index])
            try tensor.forEachPartGradient(gradient) { part, gradient in
                try optimizer.move(tensor.values, part, against: gradient, rate: rate, step: state.step + 1)
            }
            optimizer.letGo()
        }
        state.step += 1
        return found
    }

    /// Sequences that a run works on, for progress.
    ///
    /// - Parameter count: sequences of the calibration set.
    public func work(sequences count: Int) -> Int { GradientRefit.split(count, calibration: count, batch: batch).pass * passes }

    /// What the sequences are for.
    struct Sets {
        let learning: [Int]
        /// To tell which values are best.
        let heldBack: [Int]
        /// Sequences that gradients are taken on in a pass.
        let pass: Int
        /// Sequences a step.
        let batch: Int
    }

    /// Steps of a pass with as many sequences each as are `auto`, those that are held back counted. Fewer are too few to move scales far enough;
    /// more leave ranks, which share the sequences of a step, without work.
    private static let stepsOfAll = 16

    /// One in eight of as many sequences as are calibrated on is held back when there are enough, evenly spaced over all; else all serve both.
    ///
    /// - Parameter batch: sequences a step that were asked for.
    static func split(_ count: Int, calibration: Int, batch: Int?) -> Sets {
        let (all, batch) = (Array(0..<count), batch ?? max(calibration / stepsOfAll, 1))
        guard calibration >= 16 else { return Sets(learning: all, heldBack: all, pass: calibration, batch: batch) }
        let distance = 8 * max(count / calibration, 1)
        return Sets(
            learning: all.filter { $0 % distance != distance - 1 }, heldBack: all.filter { $0 % distance == distance - 1 },
            pass: calibration - calibration / 8, batch: batch)
    }

    private func matrices(_ tensors: [RefitTensor]) -> ReplacedWeights {
        fixed.merging(ReplacedWeights(tensors.map(\.name)) { try tensors[$0].matrix() })
    }

    private func value(
        _ objective: any RefitObjective, _ sequences: [Int], _ tensors: [RefitTensor], batch: Int
    ) throws -> Double {
        let weights = matrices(tensors)
        var sum = 0.0
        for start in stride(from: 0, to: sequences.count, by: batch) {
            let part = Array(sequences[start..<min(start + batch, sequences.count)])
            sum += try objective.value(sequences: part, replacing: weights, gradient: nil) * Double(part.count)
        }
        return sum / Double(max(sequences.count, 1))
    }
}
