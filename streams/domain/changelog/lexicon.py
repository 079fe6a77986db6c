"""The words that speak for a type of change, with how strongly; written by hand, not learnt.

`^word` counts only as the first word, `a_b` is two words in a row, `/x` belongs to the paths of
the changed files. Words are stems: `fixes`, `fixed` and `fixing` are all `fix`.
"""

from typing import Final

PRIORS: Final = {
    "feat": 0.0,
    "fix": 0.2,
    "docs": -0.8,
    "refactor": -0.6,
    "test": -1.0,
    "perf": -1.8,
    "build": -1.4,
    "ci": -1.6,
    "style": -1.8,
    "chore": -0.2,
    "remove": -1.2,
    "deprecate": -1.6,
    "security": -2.4,
}

WORDS: Final = {
    "feat": """
        ^add 1.6 ^support 2.2 ^allow 2.2 ^enable 1.6 ^implement 2 ^introduce 1.8 ^provide 1.4
        ^expose 1.8 ^make 0.3 ^new 1.2 ^let 1.2 ^accept 1.2 ^extend 1 ^improve 0.7 ^include 0.7
        ^show 0.8 ^export 0.9 ^create 0.9 ^use 0.1 ^integrate 1 ^emit 0.9 ^detect 0.8 ^warn 0.9
        ^print 0.7 ^change 0.3 ^display 0.8 ^upgrade 0.2 ^default 0.5 ^switch 0.3 ^validate 0.5
        ^automatic 0.8 ^experimental 1.4 ^initial 0.8 support 0.9 option 0.9 feature 1.1
        allow 0.8 ability 1.3 new 0.5 command 0.4 flag 0.7 api 0.4 parameter 0.3 argument 0.2
        hook 0.5 configurable 1.1 custom 0.5 plugin 0.2 mode 0.3 method 0.3 function 0.1
        endpoint 0.6 cli 0.3 via 0.2 able_to 0.9 add_support 1.2 opt_in 0.8 template 0.3
        ^improve_error 1 ^better_error 1.4 ^add_support 1 ^add_option 1 ^add_new 0.8
        ^allow_custom 0.6
    """,
    "fix": """
        ^fix 3.2 ^correct 1.8 ^resolve 1.5 ^avoid 1.7 ^prevent 2 ^handle 1.7 ^ensure 1.5
        ^restore 1.4 ^don't 1.7 ^do_not 1.7 ^properly 1.8 ^respect 1.4 ^only 0.8 ^ignore 1
        ^preserve 1.3 ^repair 2 ^workaround 1.6 ^escape 1.2 ^skip 0.7 ^always 0.8 ^stop 1.1
        ^never 1 ^revert 0.3 ^check 0.5 ^missing 1.4 ^strip 0.6 ^normalize 0.8 ^catch 1.1
        ^set 0.4 ^return 0.5 ^disallow 0.8 ^keep 0.6 ^tweak 0.1 ^mend 2 ^wait 0.7 ^close 0.5
        ^pass 0.6 ^use_correct 1.5 ^raise 0.5 ^limit 0.5 ^reject 0.7 fix 1.3 bug 1.5 crash 1.6
        error 0.7 issue 0.4 incorrect 1.5 wrong 1.4 broken 1.3 regression 1.7 fail 0.7
        failure 0.7 leak 1.2 race 1.2 invalid 0.7 missing 0.7 undefined 0.8 null 0.7 hang 1.2
        not 0.5 when 0.6 if 0.4 instead 0.3 exception 0.5 edge_case 1.2 deadlock 1.4
        duplicate 0.5 properly 1 correctly 1.2 unexpected 0.9 typeerror 1.2 windows 0.5
        infinite 1.1 empty 0.4 during 0.3 traceback 0.6 handling 0.3 encoding 0.4 correct 0.7
        prevent 0.7 avoid 0.6 ensure 0.4 without 0.2 ^add_missing 2 ^make_sure 2 ^remove_extra 1
        ^don't_fail 1 error_when 0.8 ^handle_missing 0.6
    """,
    "docs": """
        ^doc 2.8 ^document 3 ^clarify 2 ^mention 2 ^explain 2 ^describe 1.8 ^typo 2 ^reword 2
        ^link 0.8 ^note 1 ^readme 2.6 ^changelog 1.4 ^translate 1.2 ^proofread 2 ^rewrite 0.2
        ^faq 2 doc 2.8 document 2 documentation 2.4 readme 3.4 docstring 2.4 changelog 0.7
        guide 1.7 tutorial 2.2 typo 2.6 example 1.2 comment 0.9 contribut 1.2 faq 2 wording 1.8
        spelling 1.4 grammar 1.6 sponsor 1.4 website 1.2 md 1.2 rst 1 link 0.9 page 0.7
        section 0.9 reference 0.5 quickstart 1.8 jsdoc 1.6 license 1 badge 1.3 mkdocs 1.5
        sphinx 1.5 sentence 1.6 paragraph 1.6 code_of_conduct 2 fix_typo 1.2 ^fix_typo 3.4
        ^fix_link 3.2 ^fix_doc 3.4 ^fix_spelling 3.4 ^fix_grammar 3.4 ^fix_example 1.8
        ^fix_readme 3.4 ^fix_docstring 3 ^update_readme 1.6 ^update_doc 1 ^update_example 1.2
        ^update_link 1.8 ^update_changelog 0.6 ^add_doc 1 ^add_example 1.6 ^add_comment 1.6
        ^add_link 2 ^add_section 1.8 ^add_note 0.8 ^add_guide 1.8 ^add_changelog 0.4
        ^add_docstring 1.6 ^improve_doc 1 ^improve_example 1.2 ^improve_wording 1.6
        ^remove_link 1.6 typo_in 1 ^minor_doc 1.6 ^small_doc 1.6
    """,
    "refactor": """
        ^refactor 3.4 ^rename 1.8 ^move 1.9 ^extract 2.2 ^simplify 2.2 ^cleanup 1.8 ^clean 1.7
        ^reorganize 2 ^restructure 2.2 ^split 1.3 ^inline 1.6 ^replace 1.1 ^reuse 1.5 ^unify 1.3
        ^consolidate 1.6 ^rework 1.3 ^convert 1.2 ^use 0.9 ^deduplicate 1.4 ^tidy 1.6 ^separate 1
        ^merge 0.2 ^switch 0.4 ^remove 0.9 ^migrate 0.9 ^type 0.9 ^annotate 1.4 ^import 0.6
        ^reduce 0.5 ^isolate 1 ^minor 0.6 refactor 2 internal 0.9 helper 0.9 unused 1.3
        cleanup 1.2 simplify 0.8 dead_code 1.6 variable 0.6 class 0.3 module 0.3 private 0.7
        type_annotation 1.3 typing 0.9 type 0.4 mypy 0.9 annotation 0.7 into 0.4 duplicate 0.4
        abstraction 0.9 redundant 1 unnecessary 0.9 constant 0.4 readability 1.4 logic 0.4
        ^fix_type 1.4 ^fix_import 1 ^fix_typing 2.6 ^fix_mypy 3 ^remove_unused 2
        ^remove_unneeded 1.6 ^remove_unnecessary 1.6 ^remove_redundant 1.6 ^remove_dead 2
        ^remove_obsolete 0.8 ^remove_useless 1.4 ^add_type 0.8 ^use_f 1
    """,
    "test": """
        ^test 3 ^testing 2.6 ^cover 1.4 ^assert 0.8 ^unflake 2 ^deflake 2 ^xfail 2.2
        ^benchmark 1.4 test 1.9 coverage 1.3 fixture 0.7 flaky 2 snapshot 1.2 playground 1
        e2e 1.6 mock 1 spec 0.9 add_test 1.6 regression_test 1.2 test_for 0.8 unit_test 1
        test_case 1 assertion 0.6 xfail 1 vitest 0.8 ^fix_test 3.6 ^fix_flaky 3.4 ^add_test 2.4
        ^update_test 2.2 ^remove_test 2 ^improve_test 2 ^skip_test 2 ^more_test 2 ^add_unit 1.8
        ^add_regression 1.6 ^add_e2e 1.8 ^mark_test 1.6 ^move_test 1.4 ^use_pytest 1
        ^enable_test 1.6
    """,
    "perf": """
        ^perf 3.4 ^optimize 3 ^optimise 3 ^speed 3.2 ^cache 1.6 ^faster 3 ^lazy 1.6 ^memoize 2.4
        ^precompute 2 performance 2.2 faster 2.2 speed 1.8 optimize 1.6 optimization 1.8
        cache 0.4 memory 0.9 slow 1.2 lazily 1 overhead 1.4 allocation 1.4 quadratic 2 batch 0.5
        parallel 0.6 ^improve_perform 2.6 ^reduce_memory 2.4 ^reduce_time 1.6
    """,
    "build": """
        ^build 2 ^package 1 ^bundle 1 ^pin 1 ^bump 0.8 build 0.6 setup_py 1.8 pyproject 1.8
        wheel 1.4 webpack 1 rollup 0.8 packaging 1.6 dockerfile 1.4 makefile 1.6 setuptools 1.4
        dependency 0.6 lockfile 1.2 python_version 0.5 node_version 0.6 publish 0.5
        ^fix_build 2.4 ^fix_packaging 3
    """,
    "ci": """
        ^ci 3.2 ^travis 2.6 ^appveyor 2.6 ^azure 1.6 ci 2.2 workflow 2 github_action 2.6
        action 0.9 travis 2.4 appveyor 2.4 codecov 2 pipeline 1.2 runner 0.8 dependabot 1
        renovate 0.8 pre_commit 0.9 stale 1 job 0.6 label 0.5 release_process 0.8 circleci 2
        tox 1 matrix 0.9 nightly 0.7 ^fix_ci 3.6 ^fix_workflow 3.2 ^add_workflow 2
        ^update_workflow 2 ^run_test 1 ^use_github 1 ^test_on 1.6 ^update_ci 1.6 ^add_ci 2
        ^fix_travis 3 ^run_ci 1.6
    """,
    "style": """
        ^style 2.6 ^format 2.2 ^lint 2.2 ^reformat 2.6 ^prettier 2.2 ^whitespace 2.2 ^sort 0.8
        ^blacken 2 lint 1.6 format 0.5 formatting 1.3 whitespace 1 prettier 1.4 eslint 1
        flake8 1.4 isort 1.4 indentation 1 black 1.1 ruff 1 pep8 1.6 semicolon 1 trailing 0.8
        pylint 1.2 ^fix_lint 3.6 ^fix_format 3 ^fix_whitespace 3 ^fix_indent 3 ^run_black 2
        ^run_prettier 2 ^apply_black 2 ^fix_flake8 3 ^fix_eslint 3
    """,
    "chore": """
        ^chore 3.4 ^bump 2.4 ^update 1.5 ^upgrade 1.5 ^release 2 ^prepare 1.6 ^merge 1.2
        ^tweak 0.9 ^regen 1.4 ^pin 1.2 ^drop 0.1 ^sync 1 ^ignore 0.5 ^delete 0.7 ^remove 0.3
        ^enable 0.2 ^housekeeping 2 ^wip 1.6 ^regenerate 1.6 ^generate 0.5 ^automated 1.6
        ^preparing 1.6 ^revert 0.6 ^downgrade 0.8 ^setup 0.8 ^configure 0.7 bump 1.3
        dependency 1.4 version 0.6 release 1.1 gitignore 1.8 config 0.3 upgrade 0.5 update 0.3
        lockfile 1 deps 1.6 codeowner 1.4 author 0.8 maintainer 0.9 template 0.4 script 0.6
        package_json 1.3 devdependency 1.4 monorepo 0.7 editorconfig 1.4 plugin_list 1
        issue_template 1.4 repository 0.4 from 0.2 eslint 0.6 ^update_depend 1.4 ^update_lock 1.4
        ^bump_version 1.4 ^update_contribut 0.6 ^update_author 1.4 ^update_gitignore 1
        ^add_gitignore 1.6 ^update_plugin 0.8 ^pre_commit 1.4
    """,
    "remove": """
        ^remove 1.6 ^drop 2.4 ^delete 1.1 drop 0.6 remove 0.4 removal 1 drop_support 2
        end_of_life 1.6 eol 1.4 python_2 0.8 remove_deprecate 1.4 remove_support 1.8
        deprecated_api 0.6 legacy 0.3 no_longer 0.5 ^drop_support 1.6 ^drop_python 2
        ^remove_deprecated 1.8 ^remove_support 1.8 ^drop_node 1.6
    """,
    "deprecate": """
        ^deprecate 4.2 ^deprecation 2.4 deprecate 1.6 deprecation 1.4 deprecationwarning 1.8
        pending_deprecation 1.4
    """,
    "security": """
        ^security 2.6 vulnerability 2.6 xss 2.8 csrf 2.2 injection 1.8 security 1.6 exploit 2
        sanitize 1.4 cve 2.6 redos 2.4 traversal 1.6 advisory 1.6 insecure 1.2
    """,
}

# How messages in other languages begin, for the English word that the lexicon knows.
OPENINGS: Final = {
    "fix": """
        behebe behebt behoben korrigiere korrigiert korrektur fehler fehlerbehebung repariert
        corrige corrigé corrigez répare résout arregla arreglado corregido corregir corrección
        soluciona conserta correção corrigido corretto correzione risolto sistemato исправлен
        исправлена исправлено исправлены исправил исправить исправление фикс починил 修复 修正
        修改 解决 修復 不具合 バグ 수정 버그 napraw naprawiono poprawka poprawiono oprava
        düzeltildi düzelt herstel opgelost
    """,
    "add": """
        füge hinzugefügt ergänze ergänzt neue neues ajoute ajouté ajouter ajout añade añadido
        añadir agrega agregado agregar adiciona adicionado adicionar adicionada aggiunto
        aggiunta aggiungi добавлен добавлена добавлено добавлены добавил добавить добавление
        添加 新增 增加 支持 追加 対応 추가 dodaj dodano dodanie přidáno ekle eklendi toegevoegd
    """,
    "remove": """
        entferne entfernt lösche gelöscht supprime supprimé elimina eliminado eliminar quita
        removido remover rimosso rimuovi удален удалён удалена удалено удалил удалить удаление
        删除 移除 去除 去掉 削除 삭제 제거 usuń usunięto usunięcie odstraněno verwijderd
    """,
    "update": """
        aktualisiere aktualisiert actualiza actualizado actualizar atualiza atualizado atualizar
        aggiornato aggiornamento обновлен обновлена обновлено обновил обновить обновление 更新
        升级 アップデート 업데이트 aktualizacja zaktualizowano bijgewerkt güncelle
    """,
    "refactor": """
        umbau refaktorisiert refactorise refactorisation refactoriza refatora refatoração
        рефакторинг 重构 重構 リファクタ リファクタリング 리팩토링 리팩터링 refaktoryzacja
    """,
    "document": """
        dokumentiert dokumentation documente documenta documentação документация 文档 文件
        ドキュメント 문서 dokumentacja
    """,
    "test": "тест тесты 测试 測試 テスト 테스트 testy",
    "optimize": "optimiert optimiza otimiza оптимизация 优化 性能 最適化 高速化 최적화",
}

PATHS: Final = {
    "docs": "/only_docs 3 /some_docs 0.5",
    "test": "/only_tests 3.2 /some_tests -0.3",
    "ci": "/only_ci 3.4",
    "build": "/only_build 1.8",
    "chore": "/only_build 1.2 /only_config 1.6",
    "feat": "/some_docs 0.4 /some_tests 0.5 /many 0.4 /code 0.3",
    "fix": "/some_tests 0.7 /code 0.4 /one 0.2",
    "refactor": "/code 0.4",
    "perf": "/code 0.2",
}
