import Calibration
import Inference

/// The keys of a loss.
struct LossDocument: Encodable {
    let meanNll: Double
    let meanNllStandardError: Double?
    /// The token-level perplexity, under its older name.
    let perplexity: Double
    let perplexityStandardError: Double?
    let tokenPerplexity: Double
    let wordPerplexity: Double?
    let bytePerplexity: Double?
    let bitsPerByte: Double?
    let textTokens: Int?
    let textWords: Int?
    let textBytes: Int?
    let textSpecialTokens: Int?
    let tokens: Int
    let sequences: Int
    let kind: String
    let seconds: Double
    let peakMemoryBytes: Int
    let originalMeanNll: Double?
    let meanNllDifference: Double?
    let meanNllDifferenceStandardError: Double?
    let divergence: Double?
    let divergenceStandardError: Double?
    let divergenceMedian: Double?
    let divergencePercentile99: Double?
    let divergenceLargest: Double?
    let agreement: Double?
    let agreementStandardError: Double?

    /// - Parameter tokens: the file of token ids, if there was one.
    init(_ loss: LossEvaluation, tokens file: String?) {
        let (found, size, divergence) = (loss.perplexity, loss.size, loss.divergence)
        let mean = found.meanLoss
        (meanNll, meanNllStandardError) = (mean, found.standardError)
        (perplexity, perplexityStandardError, tokenPerplexity) = (found.value, found.valueStandardError, found.value)
        (wordPerplexity, bytePerplexity) = (size?.wordPerplexity(mean), size?.bytePerplexity(mean))
        bitsPerByte = size?.bitsPerByte(mean)
        (textTokens, textWords, textBytes, textSpecialTokens) = (size?.tokens, size?.words, size?.bytes, size?.specialTokens)
        (tokens, sequences, kind) = (found.tokenCount, loss.sequences, loss.kind(tokens: file))
        (seconds, peakMemoryBytes) = (loss.seconds, PeakMemory.bytes)
        originalMeanNll = divergence?.originalLoss.meanLoss
        (meanNllDifference, meanNllDifferenceStandardError) = (divergence?.difference.meanLoss, divergence?.difference.standardError)
        (self.divergence, divergenceStandardError) = (divergence?.divergence.meanLoss, divergence?.divergence.standardError)
        (divergenceMedian, divergencePercentile99, divergenceLargest) = (divergence?.median, divergence?.percentile99, divergence?.largest)
        (agreement, agreementStandardError) = (divergence?.agreement.meanLoss, divergence?.agreement.standardError)
    }
}

extension LossEvaluation {
    /// What the token-level perplexity is taken over.
    ///
    /// - Parameter tokens: the file of token ids, if there was one.
    package func kind(tokens: String?) -> String {
        guard isCausal else { return "masked-token, every token filled in once with every seventh masked" }
        return tokens.map { "token-level, rows of \($0) scored by themselves" }
            ?? "token-level, windows without overlap, all tokens but the first of each scored"
    }
}
