import CLibrary
import Execution
import ModelGraph

/// Adam (Kingma and Ba 2015, algorithm 1) over the values of one tensor, with steps in units of each part's own size: the rate is
/// multiplied by the root mean square that the part began with, so that it means the same for every model, and for scales of codes by three.
public final class AdamOptimizer {
    public let mean: FloatBuffer
    public let square: FloatBuffer
    /// What the steps of a part are multiplied by, by where it begins.
    public let sizes: [Int: Float]
    private let execution: ExecutionContext

    private static let decay: (mean: Double, square: Double) = (0.9, 0.98)
    /// Values that one task moves.
    private static let chunk = 1 << 16

    /// - Parameter start: the tensor with the values that it begins with.
    public convenience init(_ start: RefitTensor) throws { try self.init(start.values, start.parts, start.execution) }

    /// - Parameters:
    ///   - start: the values that it begins with.
    ///   - parts: what moves together, and what its steps are multiplied by beside its root mean square.
    public convenience init(_ start: FloatBuffer, _ parts: [(range: Range<Int>, step: Float)], _ execution: ExecutionContext) throws {
        var sizes: [Int: Float] = [:]
        for (part, step) in parts {
            let sum = start.floats[part].reduce(0.0) { $0 + Double($1) * Double($1) }
            sizes[part.lowerBound] = step * Float((sum / Double(max(part.count, 1))).squareRoot())
        }
        try self.init(count: start.count, sizes: sizes, execution)
    }

    /// - Parameters:
    ///   - count: values of all parts.
    ///   - sizes: those of an optimizer that this one takes the place of.
    public init(count: Int, sizes: [Int: Float], _ execution: ExecutionContext) throws {
        (self.sizes, self.execution) = (sizes, execution)
        mean = try FloatBuffer(zeros: count, execution.memory)
        square = try FloatBuffer(zeros: count, execution.memory)
    }

    /// Moves a part of the values against its gradient.
    ///
    /// - Parameter step: from 1.
    public func move(_ values: FloatBuffer, _ part: Range<Int>, against gradient: [Float], rate: Double, step: Int) throws {
        let (b1, b2) = (Float(Self.decay.mean), Float(Self.decay.square))
        let correction1 = Float(1 - pow(Self.decay.mean, Double(step)))
        let correction2 = Float(1 - pow(Self.decay.square, Double(step)))
        let size = Float(rate) * (sizes[part.lowerBound] ?? 0)
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
