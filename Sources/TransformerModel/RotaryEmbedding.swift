import Architectures
import Glibc

/// Rotary position embedding: of the first d components of a head the pairs (i, i + d/2) turn by position · θ^(−2i/d), or by what scaling
/// makes of that (Su et al. 2021, in the half-split layout of Hugging Face checkpoints).
public struct RotaryEmbedding {
    let headSize: Int
    /// Components that turn.
    private let size: Int
    /// [positions, size / 2] each.
    private let cosines: [Float]
    private let sines: [Float]

    public init(_ c: ModelConfiguration, positions: Int) {
        headSize = c.headSize
        size = c.rotarySize
        let half = size / 2
        var cosines: [Float] = []
        var sines: [Float] = []
        cosines.reserveCapacity(positions * half)
        sines.reserveCapacity(positions * half)
        // Frequencies and angles in float, as the reference implementations have them.
        var frequencies = c.rotaryFrequencies
        if let divisors = c.ropeScaling.divisors(frequencies) { frequencies = zip(frequencies, divisors).map { $0 / $1 } }
        for position in 0..<positions {
            for frequency in frequencies {
                let angle = Float(position) * frequency
                cosines.append(cosf(angle))
                sines.append(sinf(angle))
            }
        }
        self.cosines = cosines
        self.sines = sines
    }

    /// Turns all heads of `vectors` [tokens, heads × headSize] in place; token t is at position t.
    ///
    /// - Parameter backwards: turn the other way, which is both the inverse and how gradients pass.
    func rotate(_ vectors: UnsafeMutablePointer<Float>, tokens: Int, heads: Int, backwards: Bool = false) {
        let half = size / 2
        let sign: Float = backwards ? -1 : 1
        cosines.withUnsafeBufferPointer { cosines in
            sines.withUnsafeBufferPointer { sines in
                for token in 0..<tokens {
                    for head in 0..<heads {
                        let x = vectors + (token * heads + head) * headSize
                        for i in 0..<half {
                            let (c, s) = (cosines[token * half + i], sign * sines[token * half + i])
                            let (a, b) = (x[i], x[i + half])
                            x[i] = a * c - b * s
                            x[i + half] = b * c + a * s
                        }
                    }
                }
            }
        }
    }
}
