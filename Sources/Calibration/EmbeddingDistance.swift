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
        let ranges = Shares.ranges(tokens.sequences.count, among: execution.ensemble.count)
        let own = ranges[execution.ensemble.rank]
        for start in stride(from: own.lowerBound, to: own.upperBound, by: Perplexity.sequencesAtATime) {
            let part = Array(tokens.sequences[start..<min(start + Perplexity.sequencesAtATime, own.upperBound)])
            let pairs = zip(try model.pooledEmbeddings(part, execution), try original.pooledEmbeddings(part, execution))
            distances += pairs.map { cosineDistance($0, $1) }
            execution.advanceShared(by: part.count)
        }
        return try execution.ensemble.gather(distances, ranges, zero: 0)
    }
}
