import Architectures
import CKernels
import CLibrary
import Execution
import Matrices

/// What scores the experts of a block.
package struct RouterWeights {
    package let experts: RoutedExperts
    /// [experts, hidden].
    package let weight: any LinearMap
    /// [experts], of families that have them: what is added to the scores, and to what comes of these where experts are chosen.
    let bias: [Float]
    let correction: [Float]
    /// [1, hidden], of a shared expert that has a weight.
    package let shared: (any LinearMap)?
}

extension WeightSource {
    /// Nil for a block with one MLP.
    func router(_ block: Int, _ execution: ExecutionContext) throws -> RouterWeights? {
        guard let experts = configuration.experts(inBlock: block) else { return nil }
        func weight(_ module: Module, hasBias: Bool) throws -> any LinearMap {
            let name = name(module, block: block) ?? module.rawValue
            let bias = WeightSource.bias(of: name)
            guard hasBias || !graph.contains(bias) else { throw ModelError.unsupportedFeatures(["the bias '\(bias)' of a router"]) }
            return try linear(name, shape(module), [:], execution)
        }
        func vector(_ name: String?) throws -> [Float] {
            guard let name else { return [] }
            guard let found = try self.vector(name, experts.count) else { throw ModelError.missingTensor(name) }
            return found
        }
        let hasBias = family.keys.experts?.hasRouterBias ?? false
        let isWeighed = experts.sharedSize > 0 && family.rule(of: .sharedRouter) != nil
        return RouterWeights(
            experts: experts, weight: try weight(.router, hasBias: hasBias),
            bias: try vector(hasBias ? name(.router, block: block).map(WeightSource.bias) : nil),
            correction: try vector(name(.routerCorrection, block: block)),
            shared: isWeighed ? try weight(.sharedRouter, hasBias: false) : nil)
    }
}

extension BlockWeights {
    /// The MLP of a block with experts, Σ wₑ · MLPₑ(h) or Σ MLPₑ(wₑ · h) over the experts that a token is sent to, and beside them
    /// σ(v · h) · MLP(h) or MLP(h) of a shared one, of `state.mlpInput` into `state.mlpOutput` [T, hidden]. Experts are run one after the other, each on its tokens in their order.
    ///
    /// - Parameter observe: called with what the layers read, and how many rows of how many floats that are.
    func runExperts(
        _ router: RouterWeights, tokens: Int, _ c: ModelConfiguration, _ state: RunState,
        observe: (BlockInput, UnsafeMutablePointer<Float>, _ rows: Int, _ width: Int) -> Void
    ) {
        guard let own = state.experts else { preconditionFailure("there is no room for experts") }
        let (experts, width) = (router.experts, c.hiddenSize)
        router.weight.apply(to: state.mlpInput, tokens: tokens, into: own.probabilities)
        if !router.bias.isEmpty { add(router.bias, to: own.probabilities, rows: tokens) }
        switch experts.scoring {
        case .softmax:
            for token in 0..<tokens { caplet_softmax_row(own.probabilities + token * experts.count, 1, experts.count, experts.count) }
        case .sigmoid:
            for index in 0..<tokens * experts.count { own.probabilities[index] = 1 / (1 + expf(-own.probabilities[index])) }
        }
        let routing = Routing(own.probabilities, tokens: tokens, experts, correction: router.correction)
        own.routing = routing
        let sum = state.mlpOutput
        sum.update(repeating: 0, count: tokens * width)
        for expert in 0..<experts.count {
            let rows = routing.rows(of: expert)
            if rows.isEmpty { continue }
            let place = own.place(of: rows)
            let (input, output) = (own.input + place * width, own.output + place * width)
            for (slot, row) in rows.enumerated() {
                let (target, source) = (input + slot * width, state.mlpInput + routing.tokens[row] * width)
                target.update(from: source, count: width)
                if experts.weighsInput { for i in 0..<width { target[i] *= routing.weights[row] } }
            }
            observe(.expertInput(expert), input, rows.count, width)
            let (gate, up, activated) = (
                own.gate + place * experts.size, own.up + place * experts.size, own.activated + place * experts.size
            )
            apply(.expertUp(expert), to: input, tokens: rows.count, into: up)
            apply(.expertGate(expert), to: input, tokens: rows.count, into: gate)
            design.activate(gate: gate, up: up, into: activated, count: rows.count * experts.size)
            observe(.expertOutput(expert), activated, rows.count, experts.size)
            apply(.expertDown(expert), to: activated, tokens: rows.count, into: output)
            for (slot, row) in rows.enumerated() {
                let (target, weight) = (sum + routing.tokens[row] * width, experts.weighsInput ? 1 : routing.weights[row])
                for i in 0..<width { target[i] += weight * output[slot * width + i] }
            }
        }
        runSharedExpert(router, own, tokens: tokens, c, state, observe: observe)
    }

    /// Adds what the expert puts out that all tokens go through.
    private func runSharedExpert(
        _ router: RouterWeights, _ own: ExpertState, tokens: Int, _ c: ModelConfiguration, _ state: RunState,
        observe: (BlockInput, UnsafeMutablePointer<Float>, _ rows: Int, _ width: Int) -> Void
    ) {
        guard router.experts.sharedSize > 0 else { return }
        let (width, size) = (c.hiddenSize, router.experts.sharedSize)
        apply(.sharedUp, to: state.mlpInput, tokens: tokens, into: own.sharedUp)
        apply(.sharedGate, to: state.mlpInput, tokens: tokens, into: own.sharedGate)
        design.activate(gate: own.sharedGate, up: own.sharedUp, into: own.sharedActivated, count: tokens * size)
        observe(.sharedOutput, own.sharedActivated, tokens, size)
        apply(.sharedDown, to: own.sharedActivated, tokens: tokens, into: own.sharedOutput)
        guard let shared = router.shared else {
            for i in 0..<tokens * width { state.mlpOutput[i] += own.sharedOutput[i] }
            return
        }
        shared.apply(to: state.mlpInput, tokens: tokens, into: own.sharedWeights)
        for token in 0..<tokens {
            let weight = 1 / (1 + expf(-own.sharedWeights[token]))
            own.sharedWeights[token] = weight
            for i in token * width..<(token + 1) * width { state.mlpOutput[i] += weight * own.sharedOutput[i] }
        }
    }
}
