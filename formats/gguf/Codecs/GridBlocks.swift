import CKernels
import ModelGraph

/// 256 elements, eight of them at a time a point of a grid of three levels.
extension BlockCodec {
    static let iq1_s = BlockCodec("IQ1_S", elements: 256, bytes: 50, decode: { caplet_iq1_s_decode($0, $1, $2) })
    /// Its half is in four pieces.
    static let iq1_m = BlockCodec("IQ1_M", elements: 256, bytes: 56, halves: [], decode: { caplet_iq1_m_decode($0, $1, $2) })
}
