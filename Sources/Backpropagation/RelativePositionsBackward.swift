import Architectures
import Inference
import LinearAlgebra

extension BlockWeights {
    /// Back through `addDistances`: from the gradient of the scores [T, T] to those of tokens' and distances' queries and keys, which are
    /// added to.
    func addDistancesBackward(_ head: Int, _ scores: UnsafePointer<Float>, _ c: ModelConfiguration, _ state: GradientState) {
        guard let relative else { return }
        let (run, tokens, size, stride) = (state.run, state.tokens, c.headSize, c.headCount * c.headSize)
        let (count, place) = (relative.distances.rowCount, head * size)
        run.queryDistances.update(repeating: 0, count: tokens * count)
        run.keyDistances.update(repeating: 0, count: tokens * count)
        let rows = distanceRows(tokens, relative.distances)
        for i in 0..<tokens {
            for j in 0..<tokens {
                let row = rows[i - j + tokens - 1]
                run.queryDistances[i * count + row] += scores[i * tokens + j]
                run.keyDistances[j * count + row] += scores[i * tokens + j]
            }
        }
        for (gradient, distances, own, theirs, ownInput) in [
            (run.queryDistances, run.distanceKeys, state.queries, state.distanceKeys, run.queries),
            (run.keyDistances, run.distanceQueries, state.keys, state.distanceQueries, run.keys),
        ] {
            multiply(  // of tokens: of products · distances, [T, headSize]
                m: tokens, n: size, k: count, gradient, .plain, lda: count, distances + place, .plain, ldb: stride, beta: 1,
                into: own + place, ldc: stride)
            multiply(  // of distances: of productsᵀ · tokens, [rowCount, headSize]
                m: count, n: size, k: tokens, gradient, .transposed, lda: count, ownInput + place, .plain, ldb: stride,
                into: theirs + place, ldc: stride)
        }
    }
}
