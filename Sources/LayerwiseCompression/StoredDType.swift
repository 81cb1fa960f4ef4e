import ModelGraph
import PassKit

/// How a pass that computes new values keeps them: an option with one meaning.
public enum StoredDType: String, CaseIterable, Sendable {
    case auto, f16, bf16, f32

    /// The option `dtype`.
    public static let option = ChoiceOption<StoredDType>(
        "dtype", default: .auto, "how values are kept; auto is the tensor's own dtype where that has 16 bits, else f16 if its range allows")

    /// The dtype for parts of `tensor` with these values: for "auto" BF16 where the tensor is BF16 or a value is beyond F16's range.
    public func callAsFunction(for tensor: Tensor, _ parts: [Float]...) -> DType {
        switch self {
        case .f16: return .f16
        case .bf16: return .bf16
        case .f32: return .f32
        case .auto:
            if tensor.dtype == .bf16 { return .bf16 }
            return parts.allSatisfy { $0.allSatisfy { abs($0) < 65504 } } ? .f16 : .bf16
        }
    }
}
