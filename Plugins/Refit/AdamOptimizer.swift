import Glibc

/// Adam (Kingma and Ba 2015, algorithm 1) over the values of one tensor, with steps in units of each part's own size: the rate is
/// multiplied by the root mean square that the part began with, so that it means the same for every model.
struct AdamOptimizer {
    private(set) var mean: [[Float]]
    private(set) var square: [[Float]]
    private let scales: [Float]
    private var step = 0

    private static let decay: (mean: Double, square: Double) = (0.9, 0.98)

    init(_ parts: [[Float]]) {
        mean = parts.map { [Float](repeating: 0, count: $0.count) }
        square = mean
        scales = parts.map { part in
            let sum = part.reduce(0.0) { $0 + Double($1) * Double($1) }
            return Float((sum / Double(max(part.count, 1))).squareRoot())
        }
    }

    /// Goes on after `step` moves with the moments that they left.
    mutating func resume(mean: [[Float]], square: [[Float]], step: Int) {
        (self.mean, self.square, self.step) = (mean, square, step)
    }

    /// Moves `parts` against `gradients`, both as the tensor gives them.
    mutating func move(_ parts: inout [[Float]], against gradients: [[Float]], rate: Double) {
        step += 1
        let (b1, b2) = (Float(Self.decay.mean), Float(Self.decay.square))
        let correction1 = Float(1 - pow(Self.decay.mean, Double(step)))
        let correction2 = Float(1 - pow(Self.decay.square, Double(step)))
        for part in parts.indices {
            let size = Float(rate) * scales[part]
            // A gradient that is nothing but rounding moves nothing: ε is far below any gradient of a loss in nats.
            let epsilon: Float = 1e-12
            parts[part].withUnsafeMutableBufferPointer { values in
                mean[part].withUnsafeMutableBufferPointer { mean in
                    square[part].withUnsafeMutableBufferPointer { square in
                        gradients[part].withUnsafeBufferPointer { gradient in
                            for i in values.indices {
                                let g = gradient[i]
                                mean[i] = b1 * mean[i] + (1 - b1) * g
                                square[i] = b2 * square[i] + (1 - b2) * g * g
                                values[i] -= size * (mean[i] / correction1) / ((square[i] / correction2).squareRoot() + epsilon)
                            }
                        }
                    }
                }
            }
        }
    }
}
