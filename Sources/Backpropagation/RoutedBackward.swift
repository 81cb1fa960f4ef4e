import Architectures
import CKernels
import Inference
import LinearAlgebra

extension BlockWeights {
    /// Back through `runExperts`: from the gradient of what it wrote, in `state.down` [T, hidden], to that of what it read, in
    /// `state.normalised`.
    func runExpertsBackward(_ router: RouterWeights, _ c: ModelConfiguration, _ state: GradientState) {
        guard let own = state.run.experts, let routing = own.routing, let gradients = state.experts else {
            preconditionFailure("the run did not keep what experts read")
        }
        let (experts, width, size) = (router.experts, c.hiddenSize, router.experts.size)
        state.normalised.update(repeating: 0, count: state.tokens * width)
        // Of the weight of each row.
        var weights = [Float](repeating: 0, count: routing.tokens.count)
        for expert in 0..<experts.count {
            let rows = routing.rows(of: expert)
            if rows.isEmpty { continue }
            let first = rows.lowerBound
            for row in rows {
                let (above, output, down) = (
                    state.down + routing.tokens[row] * width, own.output + row * width, gradients.down + row * width
                )
                var sum: Float = 0
                for i in 0..<width {
                    sum += above[i] * output[i]
                    down[i] = experts.weighsInput ? above[i] : routing.weights[row] * above[i]
                }
                weights[row] = sum
            }
            let (gate, up, input) = (gradients.gate + first * size, gradients.up + first * size, gradients.input + first * width)
            let product = design.isGated ? gate : up
            self[.expertDown(expert)].applyTransposed(to: gradients.down + first * width, tokens: rows.count, into: product)
            design.activateBackward(
                gate: own.gate + first * size, up: own.up + first * size, gateGradient: gate, upGradient: up, count: rows.count * size)
            self[.expertGate(expert)].applyTransposed(to: gate, tokens: rows.count, into: input)
            self[.expertUp(expert)].applyTransposed(to: up, tokens: rows.count, into: input, accumulate: true)
            for row in rows {
                let (target, source) = (state.normalised + routing.tokens[row] * width, gradients.input + row * width)
                guard experts.weighsInput else {
                    for i in 0..<width { target[i] += source[i] }
                    continue
                }
                let (read, weight) = (state.run.mlpInput + routing.tokens[row] * width, routing.weights[row])
                weights[row] = 0
                for i in 0..<width {
                    weights[row] += source[i] * read[i]
                    target[i] += weight * source[i]
                }
            }
        }
        routeBackward(router, weights, own, routing, gradients, state)
        runSharedExpertBackward(router, c, own, gradients, state)
    }

    /// From the gradients g of the weights w of rows to those of the router's scores s, and of what it read. With w = c · p and p = softmax(s)
    /// over all experts ∂/∂sⱼ = wⱼ gⱼ − pⱼ Σ gᵢ wᵢ, where w is 0 for those that were not chosen; with weights that sum to c it is
    /// wⱼ (gⱼ − Σ gᵢ wᵢ / c) over the chosen alone. With p = σ(s) of each the first has no second term, and both are multiplied by 1 − pⱼ.
    private func routeBackward(
        _ router: RouterWeights, _ weights: [Float], _ own: ExpertState, _ routing: Routing, _ gradients: ExpertGradients,
        _ state: GradientState
    ) {
        let experts = router.experts
        gradients.scores.update(repeating: 0, count: state.tokens * experts.count)
        var means = [Float](repeating: 0, count: state.tokens)
        for row in weights.indices { means[routing.tokens[row]] += weights[row] * routing.weights[row] }
        for expert in 0..<experts.count {
            for row in routing.rows(of: expert) {
                let token = routing.tokens[row]
                let mean = experts.renormalises ? means[token] / Float(experts.scale) : 0
                let place = token * experts.count + expert
                let share = experts.scoring == .sigmoid ? 1 - own.probabilities[place] : 1
                gradients.scores[place] = share * routing.weights[row] * (weights[row] - mean)
            }
        }
        if !experts.renormalises, experts.scoring == .softmax {
            for index in 0..<state.tokens * experts.count {
                gradients.scores[index] -= own.probabilities[index] * means[index / experts.count]
            }
        }
        router.weight.applyTransposed(to: gradients.scores, tokens: state.tokens, into: state.normalised, accumulate: true)
    }

    private func runSharedExpertBackward(
        _ router: RouterWeights, _ c: ModelConfiguration, _ own: ExpertState, _ gradients: ExpertGradients, _ state: GradientState
    ) {
        guard router.experts.sharedSize > 0 else { return }
        let (tokens, width, size) = (state.tokens, c.hiddenSize, router.experts.sharedSize)
        for token in 0..<tokens {
            let weight = router.shared == nil ? 1 : own.sharedWeights[token]
            var sum: Float = 0
            for i in token * width..<(token + 1) * width {
                sum += state.down[i] * own.sharedOutput[i]
                gradients.sharedDown[i] = weight * state.down[i]
            }
            gradients.sharedScores[token] = sum * weight * (1 - weight)
        }
        let product = design.isGated ? gradients.sharedGate : gradients.sharedUp
        self[.sharedDown].applyTransposed(to: gradients.sharedDown, tokens: tokens, into: product)
        design.activateBackward(
            gate: own.sharedGate, up: own.sharedUp, gateGradient: gradients.sharedGate, upGradient: gradients.sharedUp, count: tokens * size
        )
        self[.sharedGate].applyTransposed(to: gradients.sharedGate, tokens: tokens, into: state.normalised, accumulate: true)
        self[.sharedUp].applyTransposed(to: gradients.sharedUp, tokens: tokens, into: state.normalised, accumulate: true)
        router.shared?.applyTransposed(to: gradients.sharedScores, tokens: tokens, into: state.normalised, accumulate: true)
    }
}
