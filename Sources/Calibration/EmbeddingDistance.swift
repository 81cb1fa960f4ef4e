import Execution
import Inference

/// How far a model's sentence embeddings are from another's: one less the cosine of mean-pooled final hidden states, sequence by sequence.
public struct EmbeddingDistance {
    /// - Returns: the distance of each sequence, in order.
    public static func distances(
        of model: Transformer, from original: Transformer, over tokens: TokenSequences, _ execution: ExecutionContext
    ) throws -> [Double] {
        execution.progress.begin("evaluate", total: tokens.sequences.count, unit: "sequences")
        defer { execution.progress.end() }
        var distances: [Double] = []
        for start in stride(from: 0, to: tokens.sequences.count, by: Perplexity.sequencesAtATime) {
            let part = Array(tokens.sequences[start..<min(start + Perplexity.sequencesAtATime, tokens.sequences.count)])
            let pairs = zip(try model.pooledEmbeddings(part, execution), try original.pooledEmbeddings(part, execution))
            distances += pairs.map { cosineDistance($0, $1) }
            execution.progress.advance(by: part.count)
        }
        return distances
    }
}
