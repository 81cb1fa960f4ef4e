import LinearAlgebra
import ModelGraph

/// Is given the gradient of one weight [out, in] after another, by tensor name.
public typealias WeightGradient = (_ name: String, Matrix) throws -> Void

/// A function of linear layers' weights that is made small over the sequences of a calibration set.
public protocol RefitObjective: AnyObject {
    /// The mean over some sequences.
    ///
    /// - Parameters:
    ///   - sequences: by number, as `CalibrationProvider` counts them.
    ///   - weights: other layers are the original model's.
    ///   - gradient: is given the gradient of each of `weights`, those of the last block first. When it is called, the weights of that block and
    ///     of those behind it are not needed any more, and may be moved.
    func value(sequences: [Int], replacing weights: ReplacedWeights, gradient: WeightGradient?) throws -> Double
}

/// What calibration offers beyond forward passes, for models whose backward pass is known.
public protocol GradientProvider: AnyObject {
    /// The Kullback–Leibler divergence of a model's predictions from the original's, in nats a token.
    ///
    /// - Parameter graph: the model as passes have left it, whose embeddings, head and norms it has; linear layers of blocks that are not
    ///   replaced are the original's.
    func divergence(of graph: TensorGraph) throws -> any RefitObjective

    /// How far a model is from a teacher: T²·KL of the predictions at temperature T, in nats a token, and `hidden` times the mean over blocks and
    /// positions of the squared distance of what they put out, as a share of the teacher's square.
    ///
    /// - Parameter graph: as of `divergence`.
    /// - Throws: `PassError` where the teacher does not go with the model.
    func distillation(of graph: TensorGraph, _ aim: DistillationAim) throws -> any RefitObjective

    /// Calls `refit` once for each block in order, with the error of the block's outputs on the inputs that the blocks before it,
    /// as refit, really produce: Σ‖y − y₀‖² / Σ‖y₀ − x₀‖², where x₀ and y₀ enter and leave the block of the original model; with prices p
    /// of the components of y half the mean over positions of Σ pⱼ(yⱼ − y₀ⱼ)².
    ///
    /// - Parameters:
    ///   - prices: [hidden] by block; nil where components count alike.
    ///   - refit: is given the block's number and the objective, and returns the weights of the block, by tensor name.
    func forEachBlockError(prices: [[Float]]?, _ refit: (_ block: Int, any RefitObjective) throws -> ReplacedWeights) throws

    /// Calls `body` once for each block, the last first, with what errors in outputs cost at the original weights, as `OutputCurvature` has it.
    ///
    /// - Parameters:
    ///   - sequences: those that it is taken on, by number.
    ///   - way: where to go on, after which `body` is called for what comes then alone, and what keeps where this stands.
    ///   - body: is given the block's number, its layers' [out] by tensor name, and what leaves the block's, [hidden].
    func forEachOutputCurvature(
        seed: UInt64, sequences: [Int], way: CurvatureWay?,
        _ body: (_ block: Int, _ layers: [String: [Double]], _ output: [Double]) throws -> Void
    ) throws

    /// Calls `body` once for each linear layer, for embedding and head, with the curvature at the original weights, one at a time. Of an encoder
    /// it is that of the squared distance of sentence embeddings, scaled to length one, from the original's.
    ///
    /// - Parameters:
    ///   - homes: the ranks that are given what is found of a layer; nil for all. Others' `body` is given nil.
    ///   - way: where to go on, after which `body` is called for what comes then alone, and what keeps where this stands.
    func forEachCurvature(
        seed: UInt64, at homes: (String) -> [Int]?, way: CurvatureWay?, _ body: (String, WeightCurvature?) throws -> Void) throws
}

/// A way back through a model that an interrupted run had begun, or that is to be gone on with when this one is.
public struct CurvatureWay {
    /// The block from which on all has been given, and the gradients [tokens, hidden] with respect to what entered it, of each sequence; nil at
    /// the beginning.
    public let reached: (block: Int, gradients: [[Float]])?
    /// Told after each block, with what makes these gradients.
    public let keep: Keep

    public typealias Keep = (_ block: Int, _ gradients: () -> [[Float]]) throws -> Void

    public init(reached: (block: Int, gradients: [[Float]])?, keep: @escaping Keep) {
        (self.reached, self.keep) = (reached, keep)
    }
}

extension GradientProvider {
    /// Of blocks whose outputs' components count alike.
    public func forEachBlockError(_ refit: (_ block: Int, any RefitObjective) throws -> ReplacedWeights) throws {
        try forEachBlockError(prices: nil, refit)
    }

    /// Of all blocks together.
    public func outputCurvature(seed: UInt64, sequences: [Int]) throws -> OutputCurvature {
        var found = OutputCurvature(layers: [:], blocks: [])
        try forEachOutputCurvature(seed: seed, sequences: sequences, way: nil) { found.add($0, $1, $2) }
        return found
    }

    /// For all ranks.
    public func forEachCurvature(seed: UInt64, _ body: (String, WeightCurvature) throws -> Void) throws {
        try forEachCurvature(seed: seed, at: { _ in nil }, way: nil) { name, found in if let found { try body(name, found) } }
    }
}
