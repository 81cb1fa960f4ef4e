import Architectures
import LinearAlgebra

/// The embeddings of distances that scores are made with.
struct RelativePositions {
    let distances: RelativeDistances
    /// [rowCount, hidden], normalised.
    let rows: [Float]
}

extension WeightSource {
    /// Nil for families without.
    func relativePositions() throws -> RelativePositions? {
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
    func projectDistances(_ state: RunState) {
        guard let relative else { return }
        apply(.query, to: relative.rows, tokens: relative.distances.rowCount, into: state.distanceQueries)
        apply(.key, to: relative.rows, tokens: relative.distances.rowCount, into: state.distanceKeys)
    }

    /// Adds to the scores [T, T] of a head, at (i, j), query i · distance key of i − j and key j · distance query of i − j.
    func addDistances(_ head: Int, tokens: Int, _ c: ModelConfiguration, _ state: RunState) {
        guard let relative else { return }
        let (size, stride, count) = (c.headSize, c.headCount * c.headSize, relative.distances.rowCount)
        let place = head * size
        multiply(  // [T, rowCount]
            m: tokens, n: count, k: size, state.queries + place, .plain, lda: stride, state.distanceKeys + place, .transposed, ldb: stride,
            into: state.queryDistances, ldc: count)
        multiply(  // [T, rowCount]
            m: tokens, n: count, k: size, state.keys + place, .plain, lda: stride, state.distanceQueries + place, .transposed, ldb: stride,
            into: state.keyDistances, ldc: count)
        let rows = distanceRows(tokens, relative.distances)
        for i in 0..<tokens {
            for j in 0..<tokens {
                let row = rows[i - j + tokens - 1]
                state.scores[i * tokens + j] += state.queryDistances[i * count + row] + state.keyDistances[j * count + row]
            }
        }
    }

    /// The rows of the distances 1 − T ... T − 1.
    private func distanceRows(_ tokens: Int, _ distances: RelativeDistances) -> [Int] {
        (1 - tokens..<max(tokens, 1)).map(distances.row)
    }

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
