import CKernels

/// Blocks whose elements are levels, evenly apart or of a table, that scales and minima say the size and place of: these are found first, for a
/// weighted error, and codes put in one by one, so that errors of some can be fed forward to others.
public struct BlockRounding: Sendable {
    public typealias WeightedEncode =
        @Sendable (
            _ floats: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, _ blocks: UnsafeMutablePointer<UInt8>, _ count: Int
        ) -> Void
    public typealias Put = @Sendable (_ codes: UnsafePointer<UInt8>, _ blocks: UnsafeMutablePointer<UInt8>, _ count: Int) -> Void

    /// The largest code; the smallest is 0.
    public let top: Int
    /// The level of each code before it is scaled, rising; nil where it is the code itself.
    public let table: [Float]?
    /// Blocks of least weighted squared error: of finite floats, with weights above 0.
    let encode: WeightedEncode
    /// Puts codes, one in a byte, into blocks that keep their scales.
    let put: Put

    init(top: Int, table: [Float]? = nil, encode: @escaping WeightedEncode, put: @escaping Put) {
        self.top = top
        self.table = table
        self.encode = encode
        self.put = put
    }
}
