import Architectures
import Inference

/// Gradients of what latent attention makes of one sequence; shapes in elements.
final class LatentGradients {
    let query: UnsafeMutablePointer<Float>  // [T, queryRank]
    let normalisedQuery: UnsafeMutablePointer<Float>  // [T, queryRank]
    let joined: UnsafeMutablePointer<Float>  // [T, keyRank + turned]
    let keyValue: UnsafeMutablePointer<Float>  // [T, keyRank]
    let turned: UnsafeMutablePointer<Float>  // [T, turned]
    let normalisedKeyValue: UnsafeMutablePointer<Float>  // [T, keyRank]
    let expanded: UnsafeMutablePointer<Float>  // [T, heads × (headSize − turned + valueSize)]
    private let memory: FloatArena

    init(_ c: ModelConfiguration, _ latent: LatentAttention, tokens: Int) {
        let (query, key, turned) = (latent.queryRank ?? 0, latent.keyValueRank, c.rotarySize)
        memory = FloatArena(counts: [query, query, key + turned, key, turned, key, c.expandedWidth].map { $0 * tokens })
        let parts = memory.parts
        (self.query, normalisedQuery, joined, keyValue) = (parts[0], parts[1], parts[2], parts[3])
        (self.turned, normalisedKeyValue, expanded) = (parts[4], parts[5], parts[6])
    }
}
