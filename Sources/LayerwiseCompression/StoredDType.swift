import ModelGraph
import PassKit

/// How a pass that computes new values keeps them: an option with one meaning.
public struct StoredDType {
    private let fixed: DType?

    public static let option = PassOption(
        "dtype", .choice(["auto", "f16", "bf16", "f32"]), default: "auto",
        "how values are kept; auto is f16, or bf16 for a layer with values beyond f16's range")

    public init(_ options: PassOptions) { fixed = DType(name: options.word("dtype")) }

    /// The dtype for parts with these values.
    public func callAsFunction(_ parts: [Float]...) -> DType {
        if let fixed { return fixed }
        return parts.allSatisfy { $0.allSatisfy { abs($0) < 65504 } } ? .f16 : .bf16
    }
}
