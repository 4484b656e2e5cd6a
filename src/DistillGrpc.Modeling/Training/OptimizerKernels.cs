using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>
/// The optimisers' arithmetic in TorchScript: one call for all parameters, where a managed loop spends most of its time
/// in calls. Numbers travel as 0-d tensors: a C# double would become a scalar that only the finaliser frees.
/// </summary>
internal static class OptimizerKernels
{
    private const string Source = """
        def adamw(params: List[Tensor], grads: List[Tensor], m: List[Tensor], v: List[Tensor], steps: List[Tensor],
                  lr: Tensor, beta1: Tensor, beta2: Tensor, eps: Tensor, decay: Tensor) -> int:
            none: List[Tensor] = []
            torch._fused_adamw_(params, grads, m, v, none, steps, lr=lr, beta1=float(beta1), beta2=float(beta2),
                                weight_decay=float(decay), eps=float(eps), amsgrad=False, maximize=False)
            return 0

        def clip(grads: List[Tensor], limit: Tensor) -> Tensor:
            norm = torch.norm(torch.stack(torch._foreach_norm(grads, 2)))
            scale = torch.clamp(limit / (norm + 1e-6), max=1.0)
            if float(scale) < 1.0:
                torch._foreach_mul_(grads, scale)
            return norm

        def adafactor(params: List[Tensor], grads: List[Tensor], rows: List[Tensor], columns: List[Tensor],
                      lr: Tensor, beta2: Tensor, scaled: bool, decay: Tensor) -> int:
            keep = float(beta2)
            for i in range(len(params)):
                p = params[i]
                g = grads[i]
                rate = lr
                if scaled:
                    rate = lr * torch.clamp(p.norm() / p.numel() ** 0.5, min=1e-3)
                square = g * g + 1e-30
                if p.dim() >= 2:
                    rows[i].mul_(keep).add_(square.mean(-1), alpha=1.0 - keep)
                    columns[i].mul_(keep).add_(square.mean(-2), alpha=1.0 - keep)
                    r = (rows[i] / rows[i].mean(-1, keepdim=True)).rsqrt().unsqueeze(-1)
                    update = r * columns[i].rsqrt().unsqueeze(-2) * g
                else:
                    rows[i].mul_(keep).add_(square, alpha=1.0 - keep)
                    update = rows[i].rsqrt() * g
                update = update * (rate / torch.clamp(update.norm() / update.numel() ** 0.5, min=1.0))
                if float(decay) > 0.0:
                    p.mul_(1.0 - float(decay) * float(rate))
                p.sub_(update)
            return 0

        """;

    // A compilation unit is never freed, so there is one.
    private static readonly Lazy<torch.jit.CompilationUnit> Unit = new(() => torch.jit.compile(Source.ReplaceLineEndings("\n")));

    public static void AdamW(params object[] arguments) => Unit.Value.invoke("adamw", arguments);

    public static void Adafactor(params object[] arguments) => Unit.Value.invoke("adafactor", arguments);

    /// <summary>Scales gradients down to a norm; gives their norm before, a 0-d tensor.</summary>
    public static Tensor Clip(Tensor[] gradients, Tensor limit) => (Tensor)Unit.Value.invoke("clip", gradients, limit);
}
