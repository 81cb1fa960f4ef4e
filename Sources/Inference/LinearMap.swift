/// y = x · Wᵀ for a weight W [out, in], in whatever form the weight is held.
public protocol LinearMap {
    var outputSize: Int { get }
    var inputSize: Int { get }
    /// Bytes that the map holds in memory of its own or of a file.
    var byteCount: Int { get }

    /// output[tokens, out] ← input[tokens, in] · Wᵀ, or is added to when `accumulate`.
    func apply(to input: UnsafePointer<Float>, tokens: Int, into output: UnsafeMutablePointer<Float>, accumulate: Bool)

    /// input[tokens, in] ← output[tokens, out] · W, or is added to when `accumulate`: how gradients pass.
    func applyTransposed(to output: UnsafePointer<Float>, tokens: Int, into input: UnsafeMutablePointer<Float>, accumulate: Bool)
}

extension LinearMap {
    package func apply(to input: UnsafePointer<Float>, tokens: Int, into output: UnsafeMutablePointer<Float>) {
        apply(to: input, tokens: tokens, into: output, accumulate: false)
    }

    package func applyTransposed(to output: UnsafePointer<Float>, tokens: Int, into input: UnsafeMutablePointer<Float>) {
        applyTransposed(to: output, tokens: tokens, into: input, accumulate: false)
    }
}
