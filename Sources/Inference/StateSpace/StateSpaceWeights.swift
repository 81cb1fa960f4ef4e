import Architectures
import CLibrary
import ModelGraph

/// What a block with a state space has beside its linear layers.
package struct StateSpaceWeights {
    package let space: StateSpace
    /// [kernel, channels]: turned, so that channels lie side by side.
    package let convolution: [Float]
    /// [channels]; zeros where there is none.
    let convolutionBias: [Float]
    /// A = −exp(A_log), [heads, decays of a head].
    package let decays: [Float]
    /// D, [heads].
    package let skips: [Float]
    /// Added to the time steps of heads, [heads]; empty where a layer makes them, whose bias it is.
    let stepBias: [Float]
    /// The weight [channels] of the norm of what the last layer reads; empty in Mamba.
    package let normWeight: [Float]
    /// Of each group's share of that.
    package let groupNorm: Norm?
    /// Of B and of C, and of what time steps are made of; nil but in Falcon Mamba.
    package let stateNorm: Norm?
    package let rankNorm: Norm?
    /// Of each query and key of a delta rule, which become as long as 1 / √size and 1.
    package var queryNorm: Norm?
    package var keyNorm: Norm?
}

extension WeightSource {
    /// Nil for blocks without.
    ///
    /// - Throws: `ModelError` for tensors that are missing, of another shape, or that config.json says are not there.
    func stateSpace(_ block: Int) throws -> StateSpaceWeights? {
        guard let space = configuration.stateSpace, configuration.parts(inBlock: block).mixer == .stateSpace else { return nil }
        if space.kind == .convolution {
            return StateSpaceWeights(
                space: space, convolution: try convolution(space, block), convolutionBias: try convolutionBias(space, block), decays: [],
                skips: [], stepBias: [], normWeight: [], groupNorm: nil, stateNorm: nil, rankNorm: nil)
        }
        let logDecays = try floats(.mixerDecay, block)
        let decays = logDecays.map { -expf($0) }
        guard decays.allSatisfy(\.isFinite) else {
            throw GraphError.notFinite("the exponentials of tensor '\(name(.mixerDecay, block: block) ?? "")'")
        }
        if space.kind == .delta { return try deltaRule(space, block, decays) }
        let isHeads = space.kind == .heads
        /// A root mean square of so many components, with nothing learnt.
        func plain(_ width: Int, _ epsilon: Double) -> Norm {
            Norm(
                kind: .rootMeanSquare, weight: [Float](repeating: 1, count: width), bias: [Float](repeating: 0, count: width),
                epsilon: Float(epsilon))
        }
        return StateSpaceWeights(
            space: space, convolution: try convolution(space, block), convolutionBias: try convolutionBias(space, block), decays: decays,
            skips: try floats(.mixerSkip, block), stepBias: isHeads ? try floats(.mixerTimeStepBias, block) : [],
            normWeight: isHeads ? try floats(.mixerNorm, block) : [],
            groupNorm: isHeads ? plain(space.innerSize / space.groupCount, configuration.normEpsilon) : nil,
            stateNorm: space.mixerEpsilon.map { plain(space.stateSize, $0) }, rankNorm: space.mixerEpsilon.map { plain(space.rank, $0) })
    }

    private func deltaRule(_ space: StateSpace, _ block: Int, _ decays: [Float]) throws -> StateSpaceWeights {
        let width = Float(space.stateSize)
        /// x / √(Σ x² + 10⁻⁶), times a scale.
        func unit(_ scale: Float) -> Norm {
            Norm(
                kind: .rootMeanSquare, weight: [Float](repeating: scale / width.squareRoot(), count: space.stateSize),
                bias: [Float](repeating: 0, count: space.stateSize), epsilon: 1e-6 / width)
        }
        let norm = Norm(
            kind: .rootMeanSquare, weight: try floats(.mixerNorm, block), bias: [Float](repeating: 0, count: space.headSize),
            epsilon: Float(configuration.normEpsilon))
        return StateSpaceWeights(
            space: space, convolution: try convolution(space, block), convolutionBias: try convolutionBias(space, block), decays: decays,
            skips: [], stepBias: try floats(.mixerTimeStepBias, block), normWeight: [], groupNorm: norm, stateNorm: nil, rankNorm: nil,
            queryNorm: unit(1 / width.squareRoot()), keyNorm: unit(1))
    }

    /// The elements of a tensor that is no linear layer's, all finite.
    private func floats(_ module: Module, _ block: Int) throws -> [Float] {
        let tensor = try tensor(module, block: block)
        let values = try tensor.payload.densifiedFloats()
        guard values.allSatisfy(\.isFinite) else { throw GraphError.notFinite("tensor '\(tensor.name)'") }
        return values
    }

    /// [channels, 1, kernel] turned to [kernel, channels].
    private func convolution(_ space: StateSpace, _ block: Int) throws -> [Float] {
        let stored = try floats(.mixerConvolution, block)
        let (channels, kernel) = (space.convolutionWidth, space.kernelSize)
        var turned = [Float](repeating: 0, count: stored.count)
        for channel in 0..<channels { for k in 0..<kernel { turned[k * channels + channel] = stored[channel * kernel + k] } }
        return turned
    }

    private func convolutionBias(_ space: StateSpace, _ block: Int) throws -> [Float] {
        let name = WeightSource.bias(of: name(.mixerConvolution, block: block) ?? "")
        let isThere = configuration.biasedModules.map { $0.contains(.mixerConvolution) } ?? graph.contains(name)
        guard isThere else {
            guard !graph.contains(name) else { throw ModelError.unsupportedFeatures(["the bias '\(name)' that config.json denies"]) }
            return [Float](repeating: 0, count: space.convolutionWidth)
        }
        guard let found = try vector(name, space.convolutionWidth) else { throw ModelError.missingTensor(name) }
        return found
    }

    /// - Throws: `ModelError.missingTensor` where the layer that makes time steps has no bias: without it no model was trained.
    func checkStepBias(_ biases: [BlockLayer: [Float]], _ block: Int) throws {
        guard configuration.stateSpace?.kind == .selective, configuration.parts(inBlock: block).mixer == .stateSpace,
            biases[.mixerTimeStep] == nil
        else { return }
        throw ModelError.missingTensor(WeightSource.bias(of: name(.mixerTimeStep, block: block) ?? ""))
    }
}

extension StateSpace {
    /// The shape that a module's weight has in a block with the state space; nil for modules of other blocks.
    func shape(_ module: Module, hidden: Int) -> [Int]? {
        switch module {
        case .mixerInput: return [projectionWidth, hidden]
        case .mixerSelection: return [selectionWidth, innerSize]
        case .mixerTimeStep: return [innerSize, rank]
        case .mixerOutput: return [hidden, innerSize]
        case .mixerConvolution: return [convolutionWidth, 1, kernelSize]
        case .mixerDecay: return kind == .selective ? [innerSize, stateSize] : [headCount]
        case .mixerSkip, .mixerTimeStepBias: return [headCount]
        case .mixerNorm: return [kind == .delta ? headSize : innerSize]
        case .mixerGate: return [innerSize, hidden]
        case .mixerRate, .mixerForgetting: return [headCount, hidden]
        default: return nil
        }
    }
}
