import Execution
import LinearAlgebra
import ModelGraph
import PassKit

extension PassContext {
    /// The calibration set, the set that gradients are taken on, which is larger where the text has more, and these, for a pass that cannot do
    /// without.
    ///
    /// - Parameter alternative: what is told where the model has none, beside that.
    public func requireGradients(
        for pass: String, on text: GradientSettings.Text, otherwise alternative: String? = nil
    ) throws -> (calibration: any CalibrationProvider, learning: any CalibrationProvider, gradients: any GradientProvider) {
        let calibration = try requireCalibration(for: pass)
        let learning = text == .more ? learning ?? calibration : calibration
        guard let gradients = learning.gradients else {
            let unknown = "gradients of this model are not known"
            throw PassError(.unsupported, pass: pass, alternative.map { "\(unknown); \($0)" } ?? unknown)
        }
        return (calibration, learning, gradients)
    }

    /// A tensor with its values moved, to wait for the pass to end.
    ///
    /// - Parameter isShared: whether this rank moves it for all.
    public func finishingMoved(
        _ tensor: Tensor, isShared: Bool = false, _ make: () throws -> Payload
    ) throws -> (Payload, TensorReport) {
        try finishing(tensor, isShared: isShared) {
            let payload = try make()
            let figures = [
                Measurement(name: "rank", value: Double(payload.rank)), Measurement(name: "density", value: payload.density ?? 0),
            ]
            return (payload, try TensorReport(comparing: tensor, with: payload, figures, execution))
        }
    }
}

extension ReplacedWeights {
    /// What another matrix than the original's stands for, of tensors that stay as they are.
    public init(storing tensors: [Tensor], _ execution: ExecutionContext) {
        self.init(tensors.map(\.name)) { try tensors[$0].finiteMatrix(execution) }
    }
}
