import Architectures
import CLibrary

/// Rotary position embedding: of d components of a head, the first or the last, the pairs (i, i + d/2), or the neighbours (2i, 2i + 1), turn by
/// position · θ^(−2i/d), or by what scaling makes of that (Su et al. 2021).
public struct RotaryEmbedding {
    package let headSize: Int
    /// Components that turn, and the first of them.
    private let size: Int
    private let first: Int
    /// From one component of a pair to the other, and from pair to pair.
    private let partner: Int
    private let step: Int
    /// [positions, size / 2] each.
    private let cosines: [Float]
    private let sines: [Float]

    /// - Parameters:
    ///   - frequencies: of each pair, [size / 2].
    ///   - magnitude: what turned components are multiplied by.
    package init(_ c: ModelConfiguration, _ frequencies: [Float], magnitude: Float = 1, positions: Range<Int>) {
        headSize = c.headSize
        first = c.firstTurned
        size = c.rotarySize
        let half = size / 2
        (partner, step) = c.design.turnsNeighbours ? (1, 2) : (half, 1)
        var cosines: [Float] = []
        var sines: [Float] = []
        cosines.reserveCapacity(positions.count * half)
        sines.reserveCapacity(positions.count * half)
        for position in positions {
            for frequency in frequencies {
                let angle = Float(position) * frequency
                cosines.append(magnitude * cosf(angle))
                sines.append(magnitude * sinf(angle))
            }
        }
        self.cosines = cosines
        self.sines = sines
    }

    /// Turns all heads of `vectors` [tokens, heads × headSize] in place; token t is at the t-th of the positions.
    ///
    /// - Parameter backwards: turn the other way, which is both the inverse and how gradients pass.
    package func rotate(_ vectors: UnsafeMutablePointer<Float>, tokens: Int, heads: Int, backwards: Bool = false) {
        let half = size / 2
        let sign: Float = backwards ? -1 : 1
        cosines.withUnsafeBufferPointer { cosines in
            sines.withUnsafeBufferPointer { sines in
                for token in 0..<tokens {
                    for head in 0..<heads {
                        let x = vectors + (token * heads + head) * headSize + first
                        for i in 0..<half {
                            let (c, s) = (cosines[token * half + i], sign * sines[token * half + i])
                            let (first, second) = (i * step, i * step + partner)
                            let (a, b) = (x[first], x[second])
                            x[first] = a * c - b * s
                            x[second] = b * c + a * s
                        }
                    }
                }
            }
        }
    }
}
