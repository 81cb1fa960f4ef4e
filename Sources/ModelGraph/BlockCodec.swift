import CKernels

/// An encoding of floats in blocks of a fixed size: two functions, decode and encode.
public struct BlockCodec: Equatable, Sendable {
    public typealias Decode = @Sendable (_ blocks: UnsafePointer<UInt8>, _ floats: UnsafeMutablePointer<Float>, _ count: Int) -> Void
    public typealias Encode = @Sendable (_ floats: UnsafePointer<Float>, _ blocks: UnsafeMutablePointer<UInt8>, _ count: Int) -> Void

    /// The name that ggml gives it, such as "Q4_K".
    public let name: String
    public let elementsPerBlock: Int
    public let bytesPerBlock: Int
    /// Where in a block its F16 scales and minima are.
    public let halves: [Int]
    /// Of whole blocks at any address; `count` is in elements.
    let decode: Decode
    /// Of finite floats; nil for what is read and carried only.
    let encode: Encode?
    /// How errors are fed forward while blocks are made; nil where they cannot be.
    public let rounding: BlockRounding?

    public init(
        _ name: String, elements: Int, bytes: Int, halves: [Int] = [0], decode: @escaping Decode, encode: Encode? = nil,
        rounding: BlockRounding? = nil
    ) {
        self.name = name
        elementsPerBlock = elements
        bytesPerBlock = bytes
        self.halves = halves
        self.decode = decode
        self.encode = encode
        self.rounding = rounding
    }

    /// Bits an element.
    public var bitsPerElement: Double { Double(8 * bytesPerBlock) / Double(elementsPerBlock) }

    /// Those whose blocks are made here, by the number of their bits.
    public static let made: [BlockCodec] = [
        .iq2_xxs, .iq2_xs, .iq2_s, .q2_K, .iq3_xxs, .iq3_s, .q3_K, .iq4_xs, .q4_0, .iq4_nl, .q4_K, .q4_1, .q5_0, .q5_K, .q5_1, .q6_K,
    ]

    /// Whether floats can be made blocks, not only blocks floats.
    public var encodes: Bool { encode != nil }

    public static func == (a: BlockCodec, b: BlockCodec) -> Bool { a.name == b.name }

    /// Bytes of a tensor; nil when rows are no whole blocks, or the bytes do not fit in 63 bits.
    public func byteCount(_ shape: Shape) -> Int? {
        guard shape.columns % elementsPerBlock == 0 else { return nil }
        let (count, overflow) = (shape.elementCount / elementsPerBlock).multipliedReportingOverflow(by: bytesPerBlock)
        return overflow ? nil : count
    }
}

/// Four and five bits an element: a scale, or a scale and a minimum, for 32 of them.
extension BlockCodec {
    public static let q4_0 = BlockCodec(
        "Q4_0", elements: 32, bytes: 18, decode: { caplet_q4_0_decode($0, $1, $2) }, encode: { caplet_q4_0_encode($0, $1, $2) },
        rounding: .levels(
            BlockRounding.Levels(top: 15, encode: { caplet_q4_0_encode_weighted($0, $1, $2, $3) }, put: { caplet_q4_0_put($0, $1, $2) })))
    public static let q4_1 = BlockCodec(
        "Q4_1", elements: 32, bytes: 20, halves: [0, 2],
        decode: { caplet_q4_1_decode($0, $1, $2) }, encode: { caplet_q4_1_encode($0, $1, $2) })
    public static let q5_0 = BlockCodec(
        "Q5_0", elements: 32, bytes: 22, decode: { caplet_q5_0_decode($0, $1, $2) }, encode: { caplet_q5_0_encode($0, $1, $2) },
        rounding: .levels(
            BlockRounding.Levels(top: 31, encode: { caplet_q5_0_encode_weighted($0, $1, $2, $3) }, put: { caplet_q5_0_put($0, $1, $2) })))
    public static let q5_1 = BlockCodec(
        "Q5_1", elements: 32, bytes: 24, halves: [0, 2],
        decode: { caplet_q5_1_decode($0, $1, $2) }, encode: { caplet_q5_1_encode($0, $1, $2) })
}
