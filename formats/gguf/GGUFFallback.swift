import ModelGraph

/// What matrices whose rows are no whole blocks of a type are stored as instead.
public enum GGUFFallback {
    /// Blocks of 32 with as many bits, as llama-quantize has it; nil for what has none.
    public static func storage(insteadOf storage: FloatStorage) -> FloatStorage? {
        switch storage {
        case .blocks(let codec) where codec.elementsPerBlock == 256 && codec.bitsPerElement < 4.4: return .blocks(.iq4_nl)
        case .blocks(.q4_K): return .blocks(.q5_0)
        case .blocks(.q5_K): return .blocks(.q5_1)
        case .blocks(.q6_K): return .q8_0
        default: return nil
        }
    }
}
