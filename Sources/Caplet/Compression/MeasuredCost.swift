import Backpropagation
import Calibration
import Dispatch
import Execution
import Inference
import ModelGraph
import Models

/// What a compression cost: a compressed model beside its original, on text.
public struct MeasuredCost: Encodable, Sendable {
    /// What passes had to do with the text.
    public let origin: MeasuredOrigin
    /// Sequences of it that both models ran on.
    public let sequences: Int
    /// Tokens that were scored; of an encoder 0.
    public let tokens: Int
    /// Mean loss of the original, nats a token; nil for an encoder, as all of the following are.
    public let lossBefore: Double?
    /// Mean loss of the result.
    public let lossAfter: Double?
    /// Standard error of their difference, sequence by sequence; nil for a single sequence.
    public let lossDifferenceStandardError: Double?
    /// Mean Kullback-Leibler divergence of the result's predictions from the original's, nats a token.
    public let divergence: Double?
    /// Its standard error.
    public let divergenceStandardError: Double?
    /// Share of tokens for which both find the same one the likeliest.
    public let agreement: Double?
    /// Mean of 1 − cosine of an encoder's embeddings to the original's; nil for a model that predicts the next token.
    public let distance: Double?
    /// Its standard error.
    public let distanceStandardError: Double?
    /// Time of the measuring.
    public let seconds: Double

    /// - Throws: what making and running the models throws; `GraphError.notFinite` for a loss that is no number.
    init(of graph: TensorGraph, from original: Model, on text: MeasuredText, _ execution: ExecutionContext) throws {
        let start = DispatchTime.now().uptimeNanoseconds
        let weights = WeightForm.openBLAS(on: execution)
        let (model, reference) = (
            try Transformer(original.with(graph), weights: weights), try Transformer(original, weights: weights)
        )
        var found: PredictionDivergence?
        var distances: Perplexity?
        if model.isCausal {
            found = try PredictionDivergence(of: model, from: reference, over: text.tokens, execution)
        } else {
            let each = try EmbeddingDistance.distances(of: model, from: reference, over: text.tokens, execution)
            distances = Perplexity(sequenceLosses: each.map { (sum: $0, count: 1) })
        }
        guard found?.loss.meanLoss.isFinite ?? true, distances?.meanLoss.isFinite ?? true else { throw GraphError.notFinite("the loss") }
        (origin, sequences, tokens) = (text.origin, text.tokens.sequences.count, found?.loss.tokenCount ?? 0)
        (lossBefore, lossAfter) = (found?.originalLoss.meanLoss, found?.loss.meanLoss)
        lossDifferenceStandardError = found?.difference.standardError
        (divergence, divergenceStandardError) = (found?.divergence.meanLoss, found?.divergence.standardError)
        agreement = found?.agreement.meanLoss
        (distance, distanceStandardError) = (distances?.meanLoss, distances?.standardError)
        seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
    }
}
