/// The part that a tensor plays when the model runs.
public enum Module: String, CaseIterable, Sendable {
    case tokenEmbedding, positionEmbedding, tokenTypeEmbedding, relativeEmbedding, relativeNorm, embeddingNorm, finalNorm, head
    /// Between the last block and the head of an encoder that fills in tokens, and what is added to its logits.
    case headTransform, headNorm, headBias
    /// From embeddings narrower than the hidden state to that.
    case embeddingProjection
    /// Of models that sort whole texts into classes: the layer before the last, of the encoder itself or of the head, and the last.
    case pooler, classifierTransform, classifier
    case attentionNorm, query, key, value, queryKeyValue, sinks, queryNorm, keyNorm, attentionOutput, attentionOutputNorm
    /// Of latent attention: queries by way of a few numbers, keys and values by way of a few others and of components that turn.
    case queryLatent, queryLatentNorm, queryExpansion, keyValueLatent, keyValueLatentNorm, keyValueExpansion
    case mlpNorm, gate, up, gateAndUp, down, mlpOutputNorm
    /// Of a state space in the place of attention and MLP: the layers before and after it, in Mamba those that make B, C and time steps, and
    /// what belongs to channels or heads: the convolution, log(−A), D, what is added to time steps, the norm of what the last layer reads.
    case mixerInput, mixerSelection, mixerTimeStep, mixerOutput
    /// The layers of a gated delta rule that make its gate, how much of a token is written, and how much is forgotten.
    case mixerGate, mixerRate, mixerForgetting
    case mixerConvolution, mixerDecay, mixerSkip, mixerTimeStepBias, mixerNorm
    /// Of blocks with experts: what scores them, the layers of each, and those of the one that all tokens go through.
    case router, routerCorrection, expertGate, expertUp, expertDown, sharedRouter, sharedGate, sharedUp, sharedDown
    /// Carried, and not run.
    case other

    /// Whether it is no part of the model itself but of its head for a task, whose names do not have the model's prefix.
    var isOfHead: Bool { [.head, .headTransform, .headNorm, .headBias, .classifierTransform, .classifier].contains(self) }
}
