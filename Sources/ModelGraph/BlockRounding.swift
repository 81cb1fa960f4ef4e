/// How blocks of a codec are made so that errors of some elements can be fed forward to others.
public enum BlockRounding: Sendable {
    /// Elements are levels, evenly apart or of a table, that scales and minima say the size and place of: these are found first, and codes are
    /// put in one by one.
    case levels(Levels)
    /// Several elements at a time are a point of a grid: a row's block is rounded as a whole.
    case points(PointRounding)

    public typealias PointRounding =
        @Sendable (
            _ values: UnsafeMutablePointer<Float>, _ weights: UnsafePointer<Float>, _ factor: UnsafePointer<Float>?, _ factorStride: Int,
            _ block: UnsafeMutablePointer<UInt8>, _ errors: UnsafeMutablePointer<Float>
        ) -> Double

    public struct Levels: Sendable {
        public typealias WeightedEncode =
            @Sendable (
                _ floats: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, _ blocks: UnsafeMutablePointer<UInt8>, _ count: Int
            ) -> Void
        public typealias Put = @Sendable (_ codes: UnsafePointer<UInt8>, _ blocks: UnsafeMutablePointer<UInt8>, _ count: Int) -> Void

        /// The largest code; the smallest is 0.
        let top: Int
        /// The level of each code before it is scaled, rising; nil where it is the code itself.
        var table: [Float]?
        /// Blocks of least weighted squared error: of finite floats, with weights above 0.
        let encode: WeightedEncode
        /// Puts codes, one in a byte, into blocks that keep their scales.
        let put: Put
    }
}
