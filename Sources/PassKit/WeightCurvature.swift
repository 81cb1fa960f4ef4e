import LinearAlgebra

/// What errors in a weight W [out, in] cost the model's predictions, to second order and with rows apart: an error δ raises the
/// divergence from the model's own predictions by ½ Σᵣ rows[r] · δᵣ · inputs · δᵣᵀ nats a token.
///
/// The Fisher information with K-FAC's factors (Martens and Grosse 2015, arXiv 1503.05671): for inputs xₜ and gradients gₜ of the
/// outputs, rows[r] is the mean of gₜᵣ², and `inputs` the mean of xₜxₜᵀ where each position weighs ‖gₜ‖².
public struct WeightCurvature {
    /// [in, in], symmetric.
    public var inputs: Matrix
    /// [out]
    public var rows: [Double]

    public init(inputs: Matrix, rows: [Double]) {
        self.inputs = inputs
        self.rows = rows
    }
}
