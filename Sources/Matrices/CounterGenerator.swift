import CLibrary

/// Random numbers addressed by a counter: number `i` of a stream is a pure function of (seed, stream, i), so draws can
/// be made in any order and on any thread with the same outcome (SplitMix64's finaliser over a Weyl sequence).
public struct CounterGenerator: Sendable {
    private let key: UInt64

    public init(seed: UInt64, stream: UInt64) {
        key = CounterGenerator.mix(
            CounterGenerator.mix(seed &+ 0x9E37_79B9_7F4A_7C15) ^ CounterGenerator.mix(stream &+ 0xD1B5_4A32_D192_ED03))
    }

    @inline(__always)
    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// 64 random bits.
    public func bits(_ index: UInt64) -> UInt64 {
        CounterGenerator.mix(key &+ index &* 0x9E37_79B9_7F4A_7C15)
    }

    /// Uniform on [0, 1), 24 bits.
    public func uniform(_ index: UInt64) -> Float { Float(bits(index) >> 40) * 0x1p-24 }

    /// Standard normal, by Box and Muller from two draws of its own.
    public func normal(_ index: UInt64) -> Double {
        let first = Double((bits(2 &* index) >> 11) &+ 1) * 0x1p-53
        let second = Double(bits(2 &* index &+ 1) >> 11) * 0x1p-53
        return (-2 * log(first)).squareRoot() * cos(2 * Double.pi * second)
    }

    /// The numbers 0 ..< count in random order (Fisher and Yates).
    public func permutation(of count: Int) -> [Int] {
        var order = Array(0..<count)
        for last in stride(from: count - 1, to: 0, by: -1) {
            let chosen = Int(bits(UInt64(last)) % UInt64(last + 1))
            order.swapAt(last, chosen)
        }
        return order
    }
}
