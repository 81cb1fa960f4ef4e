import Architectures
import Matrices

/// The embeddings of distances that scores are made with.
package struct RelativePositions {
    package let distances: RelativeDistances
    /// [rowCount, hidden], normalised.
    package let rows: [Float]
}

extension WeightSource {
    /// Nil for families without.
    package func relativePositions() throws -> RelativePositions? {
        guard let distances = configuration.distances else { return nil }
        var rows = try tensor(.relativeEmbedding).payload.densifiedFloats()
        let norm = try norm(.relativeNorm)
        rows.withUnsafeMutableBufferPointer { rows in
            if let base = rows.baseAddress { norm.apply(base, into: base, tokens: distances.rowCount) }
        }
        return RelativePositions(distances: distances, rows: rows)
    }
}

extension BlockWeights {
    /// Queries and keys of the distances, [rowCount, heads × headSize], by the layers that make those of tokens.
    package func projectDistances(_ state: RunState) {
        guard let relative else { return }
        apply(.query, to: relative.rows, tokens: relative.distances.rowCount, into: state.distanceQueries)
        apply(.key, to: relative.rows, tokens: relative.distances.rowCount, into: state.distanceKeys)
    }

    /// Adds to the scores [T, T] of a head, at (i, j), query i · distance key of i − j and key j · distance query of i − j.
    package func addDistances(_ head: Int, tokens: Int, _ c: ModelConfiguration, _ state: RunState, to scores: UnsafeMutablePointer<Float>)
    {
        guard let relative else { return }
        let (size, stride, count) = (c.headSize, c.headCount * c.headSize, relative.distances.rowCount)
        let place = head * size
        products(  // [T, rowCount]
            m: tokens, n: count, k: size, state.queries + place, .plain, lda: stride, state.distanceKeys + place, .transposed, ldb: stride,
            into: state.queryDistances, ldc: count)
        products(  // [T, rowCount]
            m: tokens, n: count, k: size, state.keys + place, .plain, lda: stride, state.distanceQueries + place, .transposed, ldb: stride,
            into: state.keyDistances, ldc: count)
        let rows = distanceRows(tokens, relative.distances)
        for i in 0..<tokens {
            for j in 0..<tokens {
                let row = rows[i - j + tokens - 1]
                scores[i * tokens + j] += state.queryDistances[i * count + row] + state.keyDistances[j * count + row]
            }
        }
    }

    /// The rows of the distances 1 − T ... T − 1.
    package func distanceRows(_ tokens: Int, _ distances: RelativeDistances) -> [Int] {
        (1 - tokens..<max(tokens, 1)).map(distances.row)
    }
}
