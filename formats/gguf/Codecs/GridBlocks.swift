import CKernels
import ModelGraph

/// 256 elements, four or eight of them at a time a point of a grid.
extension BlockCodec {
    static let iq2_xxs = BlockCodec("IQ2_XXS", elements: 256, bytes: 66, decode: { caplet_iq2_xxs_decode($0, $1, $2) })
    static let iq2_xs = BlockCodec("IQ2_XS", elements: 256, bytes: 74, decode: { caplet_iq2_xs_decode($0, $1, $2) })
    static let iq2_s = BlockCodec("IQ2_S", elements: 256, bytes: 82, decode: { caplet_iq2_s_decode($0, $1, $2) })
    static let iq3_xxs = BlockCodec("IQ3_XXS", elements: 256, bytes: 98, decode: { caplet_iq3_xxs_decode($0, $1, $2) })
    static let iq3_s = BlockCodec("IQ3_S", elements: 256, bytes: 110, decode: { caplet_iq3_s_decode($0, $1, $2) })
    static let iq1_s = BlockCodec("IQ1_S", elements: 256, bytes: 50, decode: { caplet_iq1_s_decode($0, $1, $2) })
    /// Its half is in four pieces.
    static let iq1_m = BlockCodec("IQ1_M", elements: 256, bytes: 56, halves: [], decode: { caplet_iq1_m_decode($0, $1, $2) })
}
