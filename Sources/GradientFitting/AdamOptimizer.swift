import CLibrary
import Execution
import ModelGraph

/// Adam (Kingma and Ba 2015, algorithm 1) over the values of one tensor, with steps in units of each part's own size: the rate is
/// multiplied by the root mean square that the part began with, so that it means the same for every model, and for scales of codes by three.
public final class AdamOptimizer {
    public let mean: FloatBuffer
    public let square: FloatBuffer
    private let scales: [Int: Float]
    private let execution: ExecutionContext

    private static let decay: (mean: Double, square: Double) = (0.9, 0.98)
    /// Values that one task moves.
    private static let chunk = 1 << 16

    /// - Parameter start: the tensor with the values that it begins with.
    public init(_ start: RefitTensor) throws {
        execution = start.execution
        mean = try FloatBuffer(zeros: start.values.count, execution.memory)
        square = try FloatBuffer(zeros: start.values.count, execution.memory)
        var scales: [Int: Float] = [:]
        for (part, step) in start.parts {
            let sum = start.values.floats[part].reduce(0.0) { $0 + Double($1) * Double($1) }
            scales[part.lowerBound] = step * Float((sum / Double(max(part.count, 1))).squareRoot())
        }
        self.scales = scales
    }

    /// Moves a part of the values against its gradient.
    ///
    /// - Parameter step: from 1.
    public func move(_ values: FloatBuffer, _ part: Range<Int>, against gradient: [Float], rate: Double, step: Int) throws {
        let (b1, b2) = (Float(Self.decay.mean), Float(Self.decay.square))
        let correction1 = Float(1 - pow(Self.decay.mean, Double(step)))
        let correction2 = Float(1 - pow(Self.decay.square, Double(step)))
        let size = Float(rate) * (scales[part.lowerBound] ?? 0)
        // A gradient that is nothing but rounding moves nothing: ε is far below any gradient of a loss in nats.
        let epsilon: Float = 1e-12
        guard !part.isEmpty, let v = values.floats.baseAddress, let m = mean.floats.baseAddress, let s = square.floats.baseAddress else {
            return
        }
        try gradient.withUnsafeBufferPointer { gradient in
            let gradient = gradient
            try execution.uncheckedParallelFor((part.count + Self.chunk - 1) / Self.chunk) { task in
                for slot in task * Self.chunk..<min((task + 1) * Self.chunk, part.count) {
                    let (i, g) = (part.lowerBound + slot, gradient[slot])
                    m[i] = b1 * m[i] + (1 - b1) * g
                    s[i] = b2 * s[i] + (1 - b2) * g * g
                    v[i] -= size * (m[i] / correction1) / ((s[i] / correction2).squareRoot() + epsilon)
                }
            }
        }
    }

    /// Lets go of memory until the next step.
    func letGo() {
        mean.letGo()
        square.letGo()
    }
}
