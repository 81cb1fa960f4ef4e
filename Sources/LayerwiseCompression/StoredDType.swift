import ModelGraph
import PassKit

/// How a pass that computes new values keeps them: an option with one meaning.
public struct StoredDType {
    private let fixed: DType?

    public static let option = PassOption(
        "dtype", .choice(["auto", "f16", "bf16", "f32"]), default: "auto",
        "how values are kept; auto is the tensor's own dtype where that has 16 bits, else f16 if its range allows")

    public init(_ options: PassOptions) { fixed = DType(name: options.word("dtype")) }

    /// The dtype for parts of `tensor` with these values: for "auto" BF16 where the tensor is BF16 or a value is beyond F16's range.
    public func callAsFunction(for tensor: Tensor, _ parts: [Float]...) -> DType {
        if let fixed { return fixed }
        if tensor.dtype == .bf16 { return .bf16 }
        return parts.allSatisfy { $0.allSatisfy { abs($0) < 65504 } } ? .f16 : .bf16
    }
}
