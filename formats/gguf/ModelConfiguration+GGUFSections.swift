import Architectures
import ModelGraph

/// What files say of rotary pairs that turn by time, height and width: four numbers of pairs, the last of them for a place that no model has.
extension ModelConfiguration {
    mutating func readRotarySections(_ value: (String) -> MetadataValue?, _ family: ArchitectureFamily) {
        guard family.keys.rotary.hasSections else { return }
        rotarySections = value("rope.dimension_sections")?.array?.map { $0.integer ?? -1 } ?? []
        if rotarySections.count == 4, rotarySections[3] == 0 { rotarySections.removeLast() }
        visionLevels = value("n_deepstack_layers")?.integer ?? 0
    }

    var ggufRotarySections: [(key: String, value: MetadataValue)] {
        guard family?.keys.rotary.hasSections == true, !rotarySections.isEmpty else { return [] }
        let sections = rotarySections + [Int](repeating: 0, count: max(0, 4 - rotarySections.count))
        let entries: [(key: String, value: MetadataValue)] = [
            ("rope.dimension_sections", .array(.int32, sections.map { .int32(Int32(clamping: $0)) }))
        ]
        return entries + (visionLevels > 0 ? [("n_deepstack_layers", .uint32(UInt32(clamping: visionLevels)))] : [])
    }
}
