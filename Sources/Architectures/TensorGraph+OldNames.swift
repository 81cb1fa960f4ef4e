import ModelGraph

extension TensorGraph {
    /// Gives the norms of checkpoints that TensorFlow's names have come down in ("LayerNorm.gamma", "LayerNorm.beta") those that transformers
    /// has for them, which it gives them too when it loads such a file.
    mutating func renameOldNorms(_ family: ArchitectureFamily) throws {
        guard tensors.contains(where: { $0.name.hasSuffix(".gamma") }) else { return }
        self = try mapTensors { tensor in
            guard let name = Self.newName(tensor.name, family), !contains(name) else { return tensor }
            return Tensor(name: name, shape: tensor.shape, dtype: tensor.dtype, role: tensor.role, payload: tensor.payload)
        }
    }

    private static func newName(_ name: String, _ family: ArchitectureFamily) -> String? {
        for (old, new) in [(".gamma", ".weight"), (".beta", ".bias")] where name.hasSuffix(old) {
            let stem = name.dropLast(old.utf8.count)
            return family.rule(forName: stem + ".weight")?.rule.role == .norm ? stem + new : nil
        }
        return nil
    }
}
