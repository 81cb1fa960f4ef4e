import CKernels

/// Conversions between stored bytes and floats for the computable dtypes.
enum FloatCast {
    /// - Precondition: `raw` holds `count` elements of a computable `dtype`; `out` has room for them.
    static func widen(_ raw: UnsafeRawBufferPointer, _ dtype: DType, into out: UnsafeMutablePointer<Float>, count: Int) {
        guard count > 0, let base = raw.baseAddress else { return }
        switch dtype {
        case .f32: UnsafeMutableRawPointer(out).copyMemory(from: base, byteCount: count * 4)
        case .bf16: withAligned(base, count) { caplet_f32_from_bf16($0, out, count) }
        case .f16: withAligned(base, count) { caplet_f32_from_f16($0, out, count) }
        case .f64:
            for i in 0..<count { out[i] = Float(base.loadUnaligned(fromByteOffset: i * 8, as: Double.self)) }
        case .f8E4M3: caplet_f32_from_f8e4m3(base.assumingMemoryBound(to: UInt8.self), out, count)
        case .f8E5M2: caplet_f32_from_f8e5m2(base.assumingMemoryBound(to: UInt8.self), out, count)
        default: preconditionFailure("\(dtype.rawValue) is not computable")
        }
    }

    /// - Precondition: `out` has room for the floats as a computable `dtype`.
    static func narrow(_ floats: UnsafeBufferPointer<Float>, to dtype: DType, into out: UnsafeMutableRawBufferPointer) {
        guard let source = floats.baseAddress, let base = out.baseAddress, floats.count > 0 else { return }
        let count = floats.count
        switch dtype {
        case .f32: base.copyMemory(from: source, byteCount: count * 4)
        case .bf16: caplet_bf16_from_f32(source, base.assumingMemoryBound(to: UInt16.self), count)
        case .f16: caplet_f16_from_f32(source, base.assumingMemoryBound(to: UInt16.self), count)
        case .f64:
            let target = base.assumingMemoryBound(to: Double.self)
            for i in 0..<count { target[i] = Double(source[i]) }
        case .f8E4M3: caplet_f8e4m3_from_f32(source, base.assumingMemoryBound(to: UInt8.self), count)
        case .f8E5M2: caplet_f8e5m2_from_f32(source, base.assumingMemoryBound(to: UInt8.self), count)
        default: preconditionFailure("\(dtype.rawValue) is not computable")
        }
    }

    /// Calls `body` with 16-bit elements at an even address, copied only when a file put them at an odd one.
    private static func withAligned(_ base: UnsafeRawPointer, _ count: Int, _ body: (UnsafePointer<UInt16>) -> Void) {
        if UInt(bitPattern: base) % 2 == 0 {
            body(base.assumingMemoryBound(to: UInt16.self))
        } else {
            let copy = [UInt16](unsafeUninitializedCapacity: count) { buffer, initialized in
                UnsafeMutableRawPointer(buffer.baseAddress!).copyMemory(from: base, byteCount: count * 2)
                initialized = count
            }
            body(copy)
        }
    }
}
