import LinearAlgebra

/// A value to make small, and its gradients with respect to linear layers' weights [out, in], by tensor name.
public struct WeightGradients {
    public let value: Double
    public let weights: [String: Matrix]

    public init(value: Double, weights: [String: Matrix]) {
        self.value = value
        self.weights = weights
    }
}

/// A function of linear layers' weights that is made small over the sequences of a calibration set.
public protocol RefitObjective: AnyObject {
    /// The mean over some sequences.
    ///
    /// - Parameters:
    ///   - sequences: by number, as `CalibrationProvider` counts them.
    ///   - weights: matrices [out, in] by tensor name; other layers are the original model's.
    ///   - withGradients: also give the gradient of each of `weights`.
    func value(sequences: [Int], replacing weights: [String: Matrix], withGradients: Bool) throws -> WeightGradients
}

/// What calibration offers beyond forward passes, for models whose backward pass is known.
public protocol GradientProvider: AnyObject {
    /// The Kullback–Leibler divergence of the model's predictions from the original's, in nats a token.
    func divergence() throws -> any RefitObjective

    /// Calls `refit` once for each block in order, with the error of the block's outputs on the inputs that the blocks before it,
    /// as refit, really produce: Σ‖y − y₀‖² / Σ‖y₀ − x₀‖², where x₀ and y₀ enter and leave the block of the original model.
    ///
    /// - Parameter refit: is given the block's number and the objective, and returns the weights of the block, by tensor name.
    func forEachBlockError(_ refit: (_ block: Int, any RefitObjective) throws -> [String: Matrix]) throws

    /// The curvature of linear layers, embedding and head at the original weights, by tensor name. Of an encoder that of the squared
    /// distance of sentence embeddings, scaled to length one, from the original's.
    func curvatures(seed: UInt64) throws -> [String: WeightCurvature]
}
