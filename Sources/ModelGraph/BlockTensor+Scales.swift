/// The F16 scales of blocks as numbers that may change while codes stay.
///
/// An element is the sum of a part for each half of its block, proportional to it: d·s·q, or d·s·q − dmin·m with a minimum.
extension BlockTensor {
    /// Halves of all blocks, those of a block one after the other; 0 for a codec whose scales are of another kind.
    public var halfCount: Int { codec.encodes ? shape.elementCount / codec.elementsPerBlock * codec.halves.count : 0 }

    /// The part of each element that is proportional to one of its block's halves, in row-major order.
    ///
    /// - Parameter half: below `codec.halves.count`.
    public func part(ofHalf half: Int) throws -> [Float] {
        guard codec.halves.count > 1 else { return try floats() }
        return try mappingHalves { blocks in
            for (other, place) in codec.halves.enumerated() where other != half {
                for block in 0..<blocks.count / codec.bytesPerBlock {
                    blocks.storeBytes(of: 0, toByteOffset: block * codec.bytesPerBlock + place, as: UInt16.self)
                }
            }
        }.floats()
    }

    /// The same codes with each half multiplied by a factor, [blocks × halves], and rounded again.
    ///
    /// - Throws: `GraphError.notComputable` for what F16 does not reach.
    public func scalingHalves(by factors: some RandomAccessCollection<Float>, name: String) throws -> BlockTensor {
        precondition(factors.count == halfCount, "\(factors.count) factors for \(halfCount) halves")
        let places = (0..<halfCount / max(codec.halves.count, 1)).flatMap { block in codec.halves.map { block * codec.bytesPerBlock + $0 } }
        let scaled = try mappingHalves { blocks in
            let stored = places.map { blocks.loadUnaligned(fromByteOffset: $0, as: UInt16.self) }
            var floats = [Float](repeating: 0, count: stored.count)
            stored.withUnsafeBytes { raw in
                floats.withUnsafeMutableBufferPointer { out in
                    if let base = out.baseAddress { FloatCast.widen(raw, .f16, into: base, count: out.count) }
                }
            }
            for (slot, factor) in factors.enumerated() { floats[slot] *= factor }
            var halves = [UInt16](repeating: 0, count: floats.count)
            floats.withUnsafeBufferPointer { from in halves.withUnsafeMutableBytes { FloatCast.narrow(from, to: .f16, into: $0) } }
            for (place, half) in zip(places, halves) { blocks.storeBytes(of: half, toByteOffset: place, as: UInt16.self) }
        }
        let isFinite = try scaled.bytes.withUnsafeBytes { raw in
            guard let base = raw.baseAddress else { return true }
            return codec.halvesAreFinite(base.assumingMemoryBound(to: UInt8.self), blockCount: raw.count / codec.bytesPerBlock)
        }
        guard isFinite else {
            throw GraphError.notComputable("tensor '\(name)'", "values are too large for \(codec.name), whose scales are F16")
        }
        return scaled
    }

    /// A copy of the blocks that `change` has changed.
    private func mappingHalves(_ change: (UnsafeMutableRawBufferPointer) -> Void) throws -> BlockTensor {
        let changed = try bytes.withUnsafeBytes { raw in
            OwnedBytes(byteCount: raw.count) { out in
                out.copyMemory(from: raw)
                change(out)
            }
        }
        return try BlockTensor(codec, shape: shape, bytes: changed)
    }
}
