import PassKit

/// Where a refit stands between two steps.
struct RefitState {
    /// Rates that were tried before this one and given up.
    var trial = 0
    /// Steps at this rate so far.
    var step = 0
    var tensors: [RefitTensor]
    var optimizers: [AdamOptimizer]
    var outcome: GradientRefit.Outcome

    /// The beginning of a trial.
    ///
    /// - Parameter before: the held-back objective at `start`.
    init(_ start: [RefitTensor], trial: Int, rate: Double, before: Double) {
        self.trial = trial
        tensors = start
        optimizers = start.map { AdamOptimizer($0.parts) }
        outcome = GradientRefit.Outcome(tensors: start, heldBack: [before], rate: rate)
    }
}

extension RefitState {
    private enum Numbers {
        static let place = "trial, step, sequences forward, with gradients"
        static let rate = "rate"
        static let steps = "objective of each step"
        static let heldBack = "held-back objective"
    }

    var snapshot: PassSnapshot {
        var snapshot = PassSnapshot()
        snapshot.numbers = [
            Numbers.place: [trial, step, outcome.sequences.forward, outcome.sequences.gradients].map(Double.init),
            Numbers.rate: [outcome.rate], Numbers.steps: outcome.steps, Numbers.heldBack: outcome.heldBack,
        ]
        for (index, tensor) in tensors.enumerated() {
            snapshot.add(tensor.parts, "values", tensor.name)
            snapshot.add(outcome.tensors[index].parts, "best values", tensor.name)
            snapshot.add(optimizers[index].mean, "first moments", tensor.name)
            snapshot.add(optimizers[index].square, "second moments", tensor.name)
        }
        return snapshot
    }

    /// What `snapshot` was made of.
    ///
    /// - Parameter start: what the refit began with.
    /// - Throws: `PassError` for a snapshot of something else.
    init(_ snapshot: PassSnapshot, _ start: [RefitTensor]) throws {
        let place = snapshot.numbers[Numbers.place]?.compactMap { Int(exactly: $0) } ?? []
        let (steps, heldBack) = (snapshot.numbers[Numbers.steps] ?? [], snapshot.numbers[Numbers.heldBack] ?? [])
        guard place.count == 4, place.allSatisfy({ $0 >= 0 }), steps.count == place[1], let rate = snapshot.numbers[Numbers.rate]?.first,
            let before = heldBack.first
        else { throw PassSnapshot.foreign }
        self.init(start, trial: place[0], rate: rate, before: before)
        step = place[1]
        (outcome.steps, outcome.heldBack, outcome.sequences) = (steps, heldBack, (place[2], place[3]))
        for index in start.indices {
            let (name, parts) = (start[index].name, start[index].parts)
            tensors[index].set(try snapshot.parts(like: parts, "values", name))
            outcome.tensors[index].set(try snapshot.parts(like: parts, "best values", name))
            let mean = try snapshot.parts(like: parts, "first moments", name)
            optimizers[index].resume(mean: mean, square: try snapshot.parts(like: parts, "second moments", name), step: step)
        }
    }
}

extension PassSnapshot {
    /// What is thrown for a snapshot that is not one of this pass on these tensors.
    static let foreign = PassError(.unsupported, pass: RefitPass.name, "what an interrupted run has kept does not fit this model")

    /// Arrays that a tensor's parts have one of each.
    mutating func add(_ parts: [[Float]], _ what: String, _ tensor: String) {
        for (index, part) in parts.enumerated() { arrays["\(tensor): \(what) \(index)"] = part }
    }

    /// What `add` added.
    ///
    /// - Parameter parts: as long as the arrays.
    func parts(like parts: [[Float]], _ what: String, _ tensor: String) throws -> [[Float]] {
        try parts.enumerated().map { index, part in
            guard let array = arrays["\(tensor): \(what) \(index)"], array.count == part.count else { throw PassSnapshot.foreign }
            return array
        }
    }
}
